"""A limit to the operations of a driver."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from moorage.config import load
from moorage.drivers.base import Driver, PathNotFound
from moorage.drivers.delegating import OPERATIONS, DelegatingDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.limited import Limited
from moorage.storage import build_driver
from tests.contracts.driver import PROMISES, Promise


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_driver_with_a_limit(promise: Promise) -> None:
    await promise(Limited(InMemoryDriver(), 1))


def test_every_method_that_asks_the_store_is_an_operation() -> None:
    """`attest`, `begin` and `direct` make no call to an object store, and `create` returns before it makes one."""
    asks = {name for name in vars(Driver) if not name.startswith("_")}
    apart = {"attest", "begin", "create", "direct", "close"}
    facts = {"name", "exclusive", "distant", "redirects", "notes", "least_chunk"}
    assert asks - apart - facts == set(OPERATIONS)


class Waiting(DelegatingDriver):
    """Each reading takes until it is let go."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.begun, self.go = 0, asyncio.Event()

    async def read(self, path: str) -> bytes:
        self.begun += 1
        await self.go.wait()
        raise PathNotFound(path)


async def test_no_more_operations_go_on_at_a_time_than_are_allowed() -> None:
    inner = Waiting(InMemoryDriver())
    driver = Limited(inner, 3)
    asked = [asyncio.create_task(driver.read("/a")) for _ in range(10)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert inner.begun == 3
    asked[0].cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert inner.begun == 4, "who leaves makes room"
    inner.go.set()
    failed = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in failed[1:]] == [PathNotFound] * 9


async def test_the_configuration_sets_the_limit_for_googles_store(tmp_path: Path) -> None:
    pem = RSAKey.generate_key(2048).as_pem(private=True).decode()
    key = {"type": "service_account", "client_email": "a@b", "private_key": pem, "private_key_id": "i"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    config = tmp_path / "config.yml"
    for limit in ("", ", maxconcurrency: 7"):
        config.write_text(
            f"version: 0.1\nstorage: {{gcs: {{bucket: b, keyfile: {tmp_path}/key.json{limit}}}}}\n"
        )
        loaded = load(config, {})
        assert loaded.warnings == []
        driver = build_driver(loaded.configuration)
        assert isinstance(driver, Limited) is bool(limit)
        await driver.close()
