"""Small files that are kept in memory are never served when the file is another one by now."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from moorage.drivers.base import Damaged, DriverError, Obstructed, PathNotFound
from moorage.drivers.bounded import ENTRY_BYTES
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.small import FILE_BYTES, SmallFiles
from tests.contracts.disk import Counting
from tests.contracts.streams import whole

LONG_AGO = 1_000_000_000

Change = Callable[[FilesystemDriver, Path], Awaitable[None]]


@pytest.fixture
def disk() -> Counting:
    return Counting()


@pytest.fixture
async def driver(tmp_path: Path, disk: Counting) -> AsyncIterator[FilesystemDriver]:
    made = FilesystemDriver(str(tmp_path / "root"), disk=disk)
    yield made
    await made.close()


async def settled(driver: FilesystemDriver, path: str, data: bytes) -> None:
    """A file that nobody has changed for years."""
    await driver.write([(path, data)])
    os.utime(driver.root + path, (LONG_AGO, LONG_AGO))


async def contents(driver: FilesystemDriver, path: str) -> tuple[bytes, bytes]:
    """As `read` and as `open` give it."""
    reader = await driver.open(path)
    streamed = await whole(reader)
    reader.close()
    return await driver.read(path), streamed


async def test_a_kept_file_is_served_with_one_stat(driver: FilesystemDriver, disk: Counting) -> None:
    await settled(driver, "/a", b"content")
    await driver.read("/a")
    disk.reset()
    assert await driver.read("/a") == b"content"
    assert disk.calls == {"stat": 1}
    disk.reset()
    reader = await driver.open("/a")
    assert reader.data == b"content"
    assert reader.size == 7
    assert await whole(reader, 1, 6, 2) == b"onten"
    reader.close()
    assert disk.calls == {"stat": 1}


async def test_empty_files_are_kept_too(driver: FilesystemDriver, disk: Counting) -> None:
    await settled(driver, "/empty", b"")
    await driver.read("/empty")
    disk.reset()
    assert await contents(driver, "/empty") == (b"", b"")
    assert disk.opened == []


async def replaced(driver: FilesystemDriver, file: Path) -> None:
    """By another one of the same size and age."""
    other = file.with_name("other")
    other.write_bytes(b"new")
    os.utime(other, (LONG_AGO, LONG_AGO))
    other.rename(file)


async def changed_in_place(driver: FilesystemDriver, file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"new")


async def written(driver: FilesystemDriver, file: Path) -> None:
    await driver.write([("/f/a", b"new")])


async def touched(driver: FilesystemDriver, file: Path) -> None:
    await driver.begin("/f/a", b"new", "/f/data")


async def moved_over(driver: FilesystemDriver, file: Path) -> None:
    await settled(driver, "/f/b", b"new")
    await driver.move("/f/b", "/f/a")


async def grown_and_restored_in_age(driver: FilesystemDriver, file: Path) -> None:
    file.write_bytes(b"newer")
    os.utime(file, (LONG_AGO, LONG_AGO))


async def truncated(driver: FilesystemDriver, file: Path) -> None:
    os.truncate(file, 0)
    os.utime(file, (LONG_AGO, LONG_AGO))


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (replaced, b"new"),
        (changed_in_place, b"new"),
        (written, b"new"),
        (touched, b"new"),
        (moved_over, b"new"),
        (grown_and_restored_in_age, b"newer"),
        (truncated, b""),
    ],
)
async def test_a_changed_file_is_read_again(driver: FilesystemDriver, change: Change, after: bytes) -> None:
    await settled(driver, "/f/a", b"old")
    assert await contents(driver, "/f/a") == (b"old", b"old")
    await change(driver, Path(driver.root, "f", "a"))
    for _ in range(2):
        assert await contents(driver, "/f/a") == (after, after)


async def removed(driver: FilesystemDriver, file: Path) -> None:
    file.unlink()


async def deleted(driver: FilesystemDriver, file: Path) -> None:
    await driver.delete("/f")


async def moved_away(driver: FilesystemDriver, file: Path) -> None:
    await driver.move("/f/a", "/f/b")


async def made_a_folder(driver: FilesystemDriver, file: Path) -> None:
    file.unlink()
    file.mkdir()


async def made_a_link(driver: FilesystemDriver, file: Path) -> None:
    file.rename(file.with_name("b"))
    file.symlink_to("b")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (removed, PathNotFound),
        (deleted, PathNotFound),
        (moved_away, PathNotFound),
        (made_a_folder, Obstructed),
        (made_a_link, Obstructed),
    ],
)
async def test_a_kept_file_that_is_gone_is_not_there(
    driver: FilesystemDriver, change: Change, error: type[DriverError]
) -> None:
    await settled(driver, "/f/a", b"old")
    await driver.read("/f/a")
    await change(driver, Path(driver.root, "f", "a"))
    for action in (driver.read, driver.open, driver.read):
        with pytest.raises(error):
            await action("/f/a")


async def test_a_file_changed_a_moment_ago_is_not_kept(driver: FilesystemDriver, disk: Counting) -> None:
    """The next change may leave its time as it is."""
    await driver.write([("/a", b"content")])
    # A moment that does not pass, however slow this test is.
    recent = time.time() + 600
    os.utime(driver.root + "/a", (recent, recent))
    for _ in range(2):
        disk.reset()
        assert await contents(driver, "/a") == (b"content", b"content")
        assert len(disk.opened) == 2


@pytest.mark.parametrize(("size", "opened"), [(FILE_BYTES, 0), (FILE_BYTES + 1, 2)])
async def test_only_small_files_are_kept(
    driver: FilesystemDriver, disk: Counting, size: int, opened: int
) -> None:
    data = bytes(range(256)) * 257
    await settled(driver, "/a", data[:size])
    await driver.read("/a")
    disk.reset()
    assert await contents(driver, "/a") == (data[:size], data[:size])
    assert len(disk.opened) == opened


async def test_nothing_is_kept_without_inline_reads(tmp_path: Path, disk: Counting) -> None:
    """Asking whether the file is still the same may wait for the network there."""
    driver = FilesystemDriver(str(tmp_path / "root"), inline_reads=False, disk=disk)
    await settled(driver, "/a", b"content")
    for _ in range(2):
        disk.reset()
        assert await contents(driver, "/a") == (b"content", b"content")
        assert len(disk.opened) == 2
    await driver.close()


def test_the_least_recently_used_is_forgotten(tmp_path: Path) -> None:
    found, small = {}, SmallFiles(2 * (ENTRY_BYTES + len("a")) + 100)
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode() * 40)
        os.utime(tmp_path / name, (LONG_AGO, LONG_AGO))
        found[name] = os.stat(tmp_path / name)
    small.put("a", found["a"], b"a" * 40)
    small.put("b", found["b"], b"b" * 40)
    assert small.get("a", found["a"]) == b"a" * 40
    small.put("c", found["c"], b"c" * 40)
    assert [name for name in "abc" if name in small] == ["a", "c"]
    assert small.get("a", found["a"]) == b"a" * 40
    assert small.get("c", found["c"]) == b"c" * 40


def test_what_is_put_again_or_dropped_takes_no_room(tmp_path: Path) -> None:
    small = SmallFiles(2 * (ENTRY_BYTES + len("a")) + 100)
    for name in "ab":
        (tmp_path / name).write_bytes(b"x" * 50)
        os.utime(tmp_path / name, (LONG_AGO, LONG_AGO))
    for _ in range(5):
        small.put("a", os.stat(tmp_path / "a"), b"x" * 50)
        small.put("b", os.stat(tmp_path / "b"), b"x" * 50)
    assert "a" in small
    assert "b" in small
    for _ in range(5):
        small.drop("b")
        small.put("c", os.stat(tmp_path / "b"), b"x" * 50)
        small.drop("c")
    assert "a" in small


def test_a_file_that_changed_size_while_it_was_read_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"longer by now")
    os.utime(tmp_path / "a", (LONG_AGO, LONG_AGO))
    small = SmallFiles()
    small.put("a", os.stat(tmp_path / "a"), b"longer")
    assert "a" not in small


async def test_a_damaged_file_is_not_kept_by_reading_it(driver: FilesystemDriver) -> None:
    await driver.write([("/from", b"x" * 5_000)])
    await driver.move("/from", "/blob")
    file = Path(driver.root, "blob")
    os.truncate(file, 4_999)
    os.utime(file, (1, 1))
    for _ in range(2):
        with pytest.raises(Damaged):
            await driver.read("/blob")
        with pytest.raises(Damaged):
            await driver.open("/blob")
