"""Health: told by a few probes in a row, and by nothing that a client does."""

from __future__ import annotations

import asyncio

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.inmemory import InMemoryDriver
from moorage.health import storage as health
from moorage.health.storage import StorageHealth


class Fickle(InMemoryDriver):
    """Fails, or never answers, as long as it is told to."""

    failing = False
    hanging = False

    async def is_folder(self, path: str) -> bool:
        if self.hanging:
            await asyncio.Event().wait()
        if self.failing:
            raise DriverError(path, "I/O error")
        return await super().is_folder(path)


async def test_an_empty_storage_is_healthy() -> None:
    found = StorageHealth(InMemoryDriver(), interval=1, threshold=1)
    await found.probe()
    assert found.healthy


async def test_it_takes_so_many_failures_in_a_row_and_one_success() -> None:
    driver = Fickle()
    found = StorageHealth(driver, interval=1, threshold=3)
    driver.failing = True
    for expected in (True, True, False, False):
        await found.probe()
        assert found.healthy == expected
    driver.failing = False
    await found.probe()
    assert found.healthy


async def test_a_storage_that_hangs_is_no_healthy_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.01)
    driver = Fickle()
    driver.hanging = True
    found = StorageHealth(driver, interval=1, threshold=1)
    await found.probe()
    assert not found.healthy


async def test_it_is_watched_now_and_then() -> None:
    driver = Fickle()
    driver.failing = True
    found = StorageHealth(driver, interval=0.001, threshold=2)
    watching = asyncio.create_task(found.watch())
    while found.healthy:
        await asyncio.sleep(0.001)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
