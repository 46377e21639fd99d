"""A line in the log for each operation of a driver."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.config import load
from moorage.drivers.base import Driver, DriverError, FileInfo, PathNotFound
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.logged import Logged
from moorage.storage import build_driver
from tests.contracts.driver import PROMISES, Promise
from tests.drivers.objectstore.stores import driver_over
from tests.support.objectstores import S3


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_driver_that_is_logged(promise: Promise) -> None:
    await promise(Logged(InMemoryDriver()))


@pytest.fixture
async def store(moto_store: S3) -> AsyncIterator[Driver]:
    driver = Logged(driver_over(moto_store))
    yield driver
    await driver.close()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[object, ...]]:
    lines = [vars(record) for record in caplog.records if record.message == "storage was asked"]
    assert all(one["milliseconds"] >= 0 for one in lines)
    return [
        tuple(one[fact] for fact in ("operation", "path", "outcome", "files", "bytes") if fact in one)
        for one in lines
    ]


class Failing(DelegatingDriver):
    async def stat(self, path: str) -> FileInfo:
        raise DriverError(path, "the store is gone")

    async def children(self, path: str) -> list[str]:
        raise ZeroDivisionError


async def test_each_operation_is_a_line_with_its_outcome(caplog: pytest.LogCaptureFixture) -> None:
    driver = Logged(Failing(InMemoryDriver()))
    with caplog.at_level(logging.INFO):
        await driver.write([("/a", b"1"), ("/b", b"2")])
        await driver.read("/a")
        with pytest.raises(PathNotFound):
            await driver.read("/c")
        with pytest.raises(DriverError):
            await driver.stat("/a")
        with pytest.raises(ZeroDivisionError):
            await driver.children("/")
        await driver.move("/a", "/d")
    assert told(caplog) == [
        ("write", "/a", "done", 2),
        ("read", "/a", "done"),
        ("read", "/c", "PathNotFound"),
        ("stat", "/a", "the store is gone"),
        ("children", "/", "ZeroDivisionError"),
        ("move", "/a", "done"),
    ]


async def test_what_is_written_is_a_line_when_it_is_closed(
    store: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for path in ("/whole", "/given-up"):
            creation = store.create(path, 3)
            assert creation is not None
            await creation.write([b"ab", b"c"])
            await (creation.commit() if path == "/whole" else creation.abort())
        writer = await store.writer("/upload")
        await writer.write([b"abcd"])
        await writer.flush()
        await writer.close()
    assert told(caplog) == [
        ("create", "/whole", "done", 3),
        ("create", "/given-up", "given up", 3),
        ("writer", "/upload", "done"),
        ("append", "/upload", "done", 4),
    ]
    assert await store.read("/whole") == b"abc"


async def test_an_operation_that_is_cancelled_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Waiting(DelegatingDriver):
        async def read(self, path: str) -> bytes:
            await asyncio.Event().wait()
            return b""

    with caplog.at_level(logging.INFO), pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await Logged(Waiting(InMemoryDriver())).read("/a")
    assert told(caplog) == [("read", "/a", "cancelled")]


async def test_the_configuration_asks_for_the_lines_with_s3(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    for level in ("off", "Debug"):
        config.write_text(
            "version: 0.1\n"
            f"storage: {{s3: {{bucket: b, region: r, accesskey: a, secretkey: s, loglevel: {level}}}}}\n"
        )
        loaded = load(config, {})
        assert loaded.warnings == []
        driver = build_driver(loaded.configuration)
        assert isinstance(driver, Logged) is (level == "Debug")
        await driver.close()
