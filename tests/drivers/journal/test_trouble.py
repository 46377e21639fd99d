"""A disk that fails or is full, and things that should not be there: nothing acknowledged is lost, and each is told."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moorage.drivers.base import DriverError, PathNotFound, StorageFull, WriteRefused
from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.journal.journal import JOURNAL
from tests.contracts.disk import Inline
from tests.drivers.journal.cut import everybody_is_gone, only_journal_survives, segments, started
from tests.support.disks import small_disk

LINK = "/tags/latest/current/link"


class Breaking(Disk):
    """Fails calls by name, as often as told."""

    def __init__(self) -> None:
        self.failing: dict[str, tuple[int, int]] = {}

    def fail(self, name: str, error: int, times: int = 1) -> None:
        self.failing[name] = error, times

    def _call(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        error, times = self.failing.get(name, (0, 0))
        if times:
            self.failing[name] = error, times - 1
            raise OSError(error, os.strerror(error))
        return function(*args)

    def fsync(self, fd: int) -> None:  # type: ignore[override]
        self._call("fsync", os.fsync, fd)

    def syncfs(self, fd: int) -> None:
        self._call("syncfs", Disk.syncfs, fd)

    def write(self, fd: int, pieces: Any) -> None:
        self._call("write", super().write, fd, pieces)


async def test_after_a_sync_of_the_disk_failed_everything_is_written_again(tmp_path: Path) -> None:
    """The kernel has dropped what it could not write, and the next sync would succeed without it."""
    disk = Breaking()
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    await driver.write([(LINK, b"one"), ("/other", b"one")])
    before = os.stat(tmp_path / "other").st_ino
    disk.fail("syncfs", errno.EIO)
    with pytest.raises(DriverError, match="Input/output error"):
        await driver.delete("/tags")
    assert segments(tmp_path), "nothing is dropped"
    await driver.write([("/third", b"one")])
    await driver.delete("/third")
    assert segments(tmp_path) == []
    assert os.stat(tmp_path / "other").st_ino != before
    assert await driver.read("/other") == b"one"
    await driver.close()


async def test_a_sync_that_fails_again_and_again_drops_nothing(tmp_path: Path) -> None:
    disk = Breaking()
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    await driver.write([(LINK, b"one")])
    disk.fail("syncfs", errno.EIO, times=5)
    for _ in range(5):
        with pytest.raises(DriverError):
            await driver.delete("/tags")
        await driver.write([(LINK, b"two")])
    only_journal_survives(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == b"two"
    assert segments(tmp_path) == []
    await driver.close()
    await after.close()


async def test_a_write_whose_sync_failed_is_an_error_and_the_next_one_is_not(tmp_path: Path) -> None:
    disk = Breaking()
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    await driver.write([(LINK, b"one")])
    disk.fail("fsync", errno.EIO)
    with pytest.raises(DriverError, match=f"{JOURNAL}/current: Input/output error"):
        await driver.write([(LINK, b"two")])
    assert await driver.read(LINK) == b"one"
    await driver.write([(LINK, b"three")])
    only_journal_survives(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == b"three"
    await driver.close()
    await after.close()


async def test_whoever_waited_for_a_sync_that_failed_is_told(tmp_path: Path) -> None:
    """The kernel tells it once only."""

    class Slow(Breaking):
        waiting = threading.Barrier(3)

        def fsync(self, fd: int) -> None:  # type: ignore[override]
            if self.failing:
                time.sleep(0.05)
            super().fsync(fd)

    disk = Slow()
    driver = FilesystemDriver(str(tmp_path), disk=disk, journaled=True)
    driver._writing.write([[("/first", b"")]])
    disk.fail("fsync", errno.EIO)
    outcomes: list[str] = []

    def write(number: int) -> None:
        disk.waiting.wait()
        try:
            driver._writing.write([[(f"/{number}", b"")]])
        except DriverError as error:
            outcomes.append(str(error))
        else:
            outcomes.append("written")

    threads = [threading.Thread(target=write, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    there = sorted(path.name for path in tmp_path.glob("[0-9]"))
    assert len(there) == outcomes.count("written") < 3
    await driver.close()


def test_what_the_journal_takes_is_the_room_that_a_write_finds(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "2m") as root:
        driver = FilesystemDriver(str(root), journaled=True)
        # The same file: all the room is taken by the journal.
        for _ in range(100):
            driver._writing.write([[("/file", bytes(100_000))]])
        for number in range(100):
            try:
                driver._writing.write([[(f"/{number}", bytes(100_000))]])
            except StorageFull:
                break
        assert number >= 10
        driver._delete("/0", True)
        driver._writing.write([[("/small", b"there is room again")]])
        driver._journal.close()


async def test_what_stands_in_the_way_of_one_file_does_not_keep_the_others_away(
    driver: Inline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await driver.write([("/taken", b"one"), ("/below/taken", b"one"), (LINK, b"one")])
    only_journal_survives(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "below").write_bytes(b"a file")
    after = await started(tmp_path)
    assert await after.read(LINK) == b"one"
    told = [vars(record)["path"] for record in caplog.records if "cannot be restored" in record.message]
    assert sorted(told) == ["/below", "/taken"]
    await after.close()


class Guarded(Breaking):
    """One folder belongs to another user while `armed`."""

    armed = False

    def _guard(self, path: str) -> None:
        if self.armed and "/theirs/" in path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    def mkdir(self, path: str, mode: int = 0o777) -> None:  # type: ignore[override]
        self._guard(path)
        os.mkdir(path, mode)

    def rename(self, source: str, target: str) -> None:  # type: ignore[override]
        self._guard(target)
        os.rename(source, target)


async def beside_another_user(root: Path) -> tuple[Inline, Guarded]:
    """A tree with a file of each, from now on guarded."""
    disk = Guarded()
    driver = Inline(str(root), disk=disk, journaled=True)
    await driver.write([("/theirs/old", b"one"), (LINK, b"one")])
    disk.armed = True
    return driver, disk


async def test_a_folder_of_another_user_refuses_what_is_written_there_and_nothing_else_is_lost(
    tmp_path: Path,
) -> None:
    driver, _ = await beside_another_user(tmp_path)
    for path, named in (("/theirs/old", "/theirs/old"), ("/theirs/new/link", "/theirs/new")):
        with pytest.raises(WriteRefused, match=f"^{named}: Permission denied$"):
            await driver.write([(path, b"two")])
    await driver.write([(LINK, b"two")])
    assert await driver.read("/theirs/old") == b"one"
    only_journal_survives(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == b"two"
    await after.close()
    await driver.close()


async def test_what_the_journal_may_not_write_again_stays_there_and_is_no_refusal_of_other_changes(
    tmp_path: Path,
) -> None:
    driver, disk = await beside_another_user(tmp_path)
    disk.fail("syncfs", errno.EIO)
    for reason in ("Input/output error", "/theirs/old: Permission denied"):
        with pytest.raises(DriverError, match=reason) as raised:
            await driver.delete(LINK)
        assert not isinstance(raised.value, WriteRefused)
        assert segments(tmp_path)
        await driver.write([(LINK, b"two")])
    disk.armed = False
    await driver.delete(LINK)
    assert segments(tmp_path) == []
    assert await driver.read("/theirs/old") == b"one"
    await driver.close()


@pytest.mark.parametrize("journaled", [True, False])
async def test_a_folder_of_temporary_files_that_refuses_is_named(tmp_path: Path, journaled: bool) -> None:
    disk = Breaking()
    driver = Inline(str(tmp_path), disk=disk, journaled=journaled)
    await driver.write([("/a/b", b"one")])

    def refuse(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return os.open(path, flags, mode)

    disk.open = refuse  # type: ignore[assignment]
    with pytest.raises(WriteRefused, match=r"^/\.moorage/tmp: Permission denied$"):
        await driver.write([("/a/c", b"two")])
    await driver.close()


async def test_a_file_that_is_no_journal_stops_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).mkdir(parents=True)
    (tmp_path / JOURNAL / "current").write_bytes(b"something else")
    driver = Inline(str(tmp_path), journaled=True)
    with pytest.raises(DriverError, match=f"{JOURNAL}/current: is no file of the journal .* move it away"):
        driver.prepare()
    with pytest.raises(DriverError, match="move it away"):
        await driver.write([(LINK, b"one")])


async def test_a_read_only_start_tells_what_it_cannot_write_again(
    driver: Inline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await driver.write([(LINK, b"one")])
    Inline(str(tmp_path)).prepare(read_only=True)
    assert "read-only" not in caplog.text, "whoever has written is there, and settles it"
    everybody_is_gone(tmp_path)
    Inline(str(tmp_path)).prepare(read_only=True)
    assert "start once without read-only mode" in caplog.text
    assert segments(tmp_path)


async def test_what_is_there_after_a_power_cut_needs_no_room_to_be_written_again(
    driver: Inline, tmp_path: Path
) -> None:
    await driver.write([(LINK, b"one"), ("/other", b"one")])
    before = os.stat(tmp_path / "other").st_ino
    os.truncate(tmp_path / LINK.lstrip("/"), 0)
    os.utime(tmp_path / LINK.lstrip("/"), (0, 0))
    everybody_is_gone(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == b"one"
    assert os.stat(tmp_path / "other").st_ino == before
    await after.close()


@pytest.mark.parametrize("journaled", [True, False])
async def test_what_is_in_place_of_the_drivers_own_folder_is_named(tmp_path: Path, journaled: bool) -> None:
    """And not the path of the client, which would be told that it is unknown."""
    driver = Inline(str(tmp_path), journaled=journaled)
    await driver.write([("/a/b", b"one")])
    shutil.rmtree(tmp_path / ".moorage")
    (tmp_path / ".moorage").touch()
    with pytest.raises(DriverError, match=r"/\.moorage.*(Not a directory|a folder)") as raised:
        await driver.write([("/a/c", b"two")])
    assert not isinstance(raised.value, PathNotFound)
    with pytest.raises(DriverError, match=rf"{tmp_path}/\.moorage/tmp: Not a directory"):
        await started(tmp_path)
    await driver.close()


async def test_a_journal_that_has_reached_the_limit_on_file_sizes_is_settled(tmp_path: Path) -> None:
    driver = Inline(str(tmp_path), journaled=True)
    await driver.write([("/a/b", bytes(1000))])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        await driver.write([("/a/c", bytes(1000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert await driver.read("/a/c") == bytes(1000)
    await driver.close()
