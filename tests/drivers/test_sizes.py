"""Files whose size was not recorded: who expects another one has them looked at once, and what was found holds for everybody."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from moorage.drivers.base import Damaged, DriverError, PathNotFound, Reader
from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.sizes import ATTRIBUTE
from tests.contracts.streams import whole

RIGHT = b"the right bytes" * 1_000
LONG_AGO = 1_000_000_000


class Asked:
    """A judge that counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self, reader: Reader) -> bool:
        self.times += 1
        return await whole(reader) == RIGHT


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture(params=[True, False], ids=["inline", "threaded"])
async def driver(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[FilesystemDriver]:
    made = FilesystemDriver(str(tmp_path), inline_reads=request.param)
    yield made
    await made.close()


def foreign(root: str, data: bytes) -> Path:
    """As another program leaves a blob: without a recorded size."""
    path = Path(root, "blob")
    path.write_bytes(data)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


async def is_damaged(driver: FilesystemDriver) -> bool:
    for action in (driver.stat, driver.open):
        with pytest.raises(Damaged):
            await action("/blob")
    return True


@pytest.mark.parametrize("data", [RIGHT[:7_000], RIGHT + b"zzz", RIGHT[:100]])
async def test_what_is_not_right_is_damaged_for_every_process_until_it_is_written_again(
    driver: FilesystemDriver, asked: Asked, data: bytes
) -> None:
    foreign(driver.root, data)
    other = FilesystemDriver(driver.root)
    for one in (driver, other):
        # In memory now, where it is small.
        (await one.open("/blob")).close()
        assert await one.read("/blob") == data
    with pytest.raises(
        Damaged, match=f"has {len(data)} bytes, which are not the right ones; 15000 are expected"
    ):
        await driver.attest("/blob", len(RIGHT), asked)
    after = FilesystemDriver(driver.root)
    for one in (driver, other, after):
        assert await is_damaged(one)
    for one in (driver, other):
        with pytest.raises(Damaged):
            await one.attest("/blob", len(RIGHT), asked)
    assert asked.times == 1
    await driver.write([("/upload", RIGHT)])
    await driver.move("/upload", "/blob")
    for one in (driver, other, after):
        assert (await one.stat("/blob")).size == len(RIGHT)
        assert await one.read("/blob") == RIGHT
    await other.close()
    await after.close()


async def test_what_is_put_back_where_it_was_is_whole_again(driver: FilesystemDriver, asked: Asked) -> None:
    """From a backup, say, which writes into the file that is there."""
    path = foreign(driver.root, RIGHT[:7_000])
    with pytest.raises(Damaged):
        await driver.attest("/blob", len(RIGHT), asked)
    path.write_bytes(RIGHT)
    assert await driver.read("/blob") == RIGHT


async def test_what_is_right_is_not_read_again(driver: FilesystemDriver, asked: Asked) -> None:
    """However often somebody tells another size, in any process; and from then on lost bytes are noticed."""
    path = foreign(driver.root, RIGHT)
    other = FilesystemDriver(driver.root)
    for size in (1, 20_000):
        for one in (driver, other):
            await one.attest("/blob", size, asked)
    assert asked.times == 1
    assert os.getxattr(path, ATTRIBUTE) == b"%d" % len(RIGHT)
    os.truncate(path, 7_000)
    assert await is_damaged(other)
    await other.close()


async def test_a_file_with_a_recorded_size_is_not_read(driver: FilesystemDriver, asked: Asked) -> None:
    await driver.write([("/upload", b"whatever it is")])
    await driver.move("/upload", "/blob")
    await driver.attest("/blob", 1_000, asked)
    assert asked.times == 0
    assert (await driver.stat("/blob")).size == 14


async def test_a_file_that_has_the_expected_size_by_now_is_not_read(
    driver: FilesystemDriver, asked: Asked
) -> None:
    foreign(driver.root, RIGHT)
    await driver.attest("/blob", len(RIGHT), asked)
    assert asked.times == 0


async def test_nothing_is_recorded_of_a_file_that_could_not_be_read(driver: FilesystemDriver) -> None:
    path = foreign(driver.root, RIGHT)

    async def fail(_: Reader) -> bool:
        raise DriverError("/blob", "input/output error")

    with pytest.raises(DriverError, match="input/output error"):
        await driver.attest("/blob", 1, fail)
    assert os.listxattr(path) == []
    assert await driver.read("/blob") == RIGHT


async def test_a_file_that_is_not_there_is_not_read(driver: FilesystemDriver, asked: Asked) -> None:
    with pytest.raises(PathNotFound):
        await driver.attest("/blob", 1, asked)


class Plain(Disk):
    """A file system without extended attributes."""

    def getxattr(self, *_: Any, **__: Any) -> bytes:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def setxattr(self, *_: Any, **__: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


@pytest.mark.parametrize("data", [RIGHT, RIGHT[:7_000]])
async def test_without_extended_attributes_each_process_reads_a_file_once(
    tmp_path: Path, asked: Asked, data: bytes
) -> None:
    path = foreign(str(tmp_path), data)
    driver = FilesystemDriver(str(tmp_path), disk=Plain())
    assert await driver.read("/blob") == data
    expected = 1 if data == RIGHT else len(RIGHT)
    for _ in range(2):
        try:
            await driver.attest("/blob", expected, asked)
        except Damaged:
            assert data != RIGHT
            assert await is_damaged(driver)
        else:
            assert data == RIGHT
    assert asked.times == 1
    path.write_bytes(RIGHT)
    assert await driver.read("/blob") == RIGHT
    await driver.close()


async def test_files_in_memory_lose_no_bytes(asked: Asked) -> None:
    driver = InMemoryDriver()
    await driver.write([("/blob", b"x")])
    await driver.attest("/blob", 5, asked)
    assert asked.times == 0
