"""A process that holds a lock of the journal and was stopped: the others say so, and do not wait for it without end."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorage import locks
from moorage.drivers.base import DriverError
from moorage.drivers.journal.journal import JOURNAL
from tests.contracts.disk import Inline

LINK = "/tags/latest/current/link"


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TOLD_AFTER", 0.01)
    monkeypatch.setattr(locks, "GIVEN_UP_AFTER", 0.05)


@contextmanager
def opened(root: Path, name: str) -> Iterator[int]:
    """By another process, as it were: its descriptor is another one."""
    fd = os.open(root / JOURNAL / name, os.O_RDWR | os.O_CREAT)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.mark.parametrize("name", ["lock", "gate", "current"])
async def test_a_removal_does_not_wait_without_end(
    driver: Inline, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    await driver.write([(LINK, b"one")])
    with opened(tmp_path, name) as fd:
        fcntl.flock(fd, fcntl.LOCK_EX if name != "current" else fcntl.LOCK_SH)
        with pytest.raises(DriverError, match="locked by a process that does not go on"):
            await driver.delete("/tags")
    assert "waiting for a process that keeps a file locked" in caplog.text
    await driver.write([(LINK, b"one")])
    await driver.delete("/tags")


async def test_a_write_does_not_wait_without_end_for_its_turn(driver: Inline, tmp_path: Path) -> None:
    await driver.write([(LINK, b"one")])
    with opened(tmp_path, "turns") as fd:
        every_byte = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, every_byte)
        with pytest.raises(DriverError, match="locked by a process that does not go on") as raised:
            await driver.write([(LINK, b"two")])
    assert JOURNAL in str(raised.value)
    await driver.write([(LINK, b"two")])
    assert await driver.read(LINK) == b"two"
