"""What is put around each operation of a driver keeps its promises, logs it, or lets it wait."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from moorage.config import load
from moorage.drivers.around import OPERATIONS, Limited, Logged
from moorage.drivers.base import Driver, DriverError, FileInfo, PathNotFound
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.storage import build_driver
from tests.contracts.driver import PROMISES, Promise


@pytest.mark.parametrize("around", [Logged, lambda driver: Limited(driver, 1)], ids=["logged", "limited"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_around_a_driver_all_is_kept_that_drivers_promise(
    promise: Promise, around: Callable[[Driver], Driver]
) -> None:
    await promise(around(InMemoryDriver()))


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


async def test_each_operation_is_a_line_with_its_outcome(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(DelegatingDriver):
        async def stat(self, path: str) -> FileInfo:
            raise DriverError(path, "the store is gone")

    driver = Logged(Failing(InMemoryDriver()))
    with caplog.at_level(logging.INFO):
        await driver.write([("/a", b"1"), ("/b", b"2")])
        await driver.read("/a")
        with pytest.raises(PathNotFound):
            await driver.read("/c")
        with pytest.raises(DriverError):
            await driver.stat("/a")
        await driver.move("/a", "/d")
    lines = [vars(record) for record in caplog.records if record.message == "storage was asked"]
    assert [(one["operation"], one["path"], one["outcome"]) for one in lines] == [
        ("write", "/a", "done"),
        ("read", "/a", "done"),
        ("read", "/c", "PathNotFound"),
        ("stat", "/a", "the store is gone"),
        ("move", "/a", "done"),
    ]
    assert lines[0]["files"] == 2
    assert all(one["milliseconds"] >= 0 for one in lines)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("s3: {bucket: b, region: r, accesskey: a, secretkey: s, loglevel: Debug}", Logged),
        ("gcs: {bucket: b, keyfile: KEY, maxconcurrency: 7}", Limited),
    ],
)
async def test_the_configuration_asks_for_it(tmp_path: Path, section: str, kind: type[Driver]) -> None:
    config = tmp_path / "config.yml"
    pem = RSAKey.generate_key(2048).as_pem(private=True).decode()
    key = {"type": "service_account", "client_email": "a@b", "private_key": pem, "private_key_id": "i"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    text = section.replace("KEY", str(tmp_path / "key.json"))
    config.write_text(f"version: 0.1\nstorage: {{{text}}}\n")
    loaded = load(config, {})
    assert loaded.warnings == []
    driver = build_driver(loaded.configuration)
    assert isinstance(driver, kind)
    await driver.close()
    plain = text.rpartition(", ")[0] + "}"
    config.write_text(f"version: 0.1\nstorage: {{{plain}}}\n")
    driver = build_driver(load(config, {}).configuration)
    assert not isinstance(driver, kind)
    await driver.close()
