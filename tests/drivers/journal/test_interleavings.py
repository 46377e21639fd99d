"""Several processes at a time, and deaths at the worst moment: what was removed stays away, and nothing acknowledged is dropped."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.journal.journal import JOURNAL, holds_entries
from moorage.drivers.journal.keeper import Keeper
from moorage.store import layout
from tests.contracts.disk import Counting, Died, Inline
from tests.drivers.journal.cut import everybody_is_gone, only_journal_survives, segments, started
from tests.support import forking
from tests.support.server import moorage_server

LINK = "/tags/latest/current/link"


class Hooked(Disk):
    """Calls something before it syncs the folder of the journal."""

    def __init__(self, hook: Callable[[], None]) -> None:
        self.hook = hook

    def sync_folder(self, path: str) -> None:
        if path.endswith(JOURNAL) and not any(map(holds_entries, os.listdir(path))):
            self.hook()
        super().sync_folder(path)


async def test_a_removal_waits_until_what_was_dropped_cannot_come_back(tmp_path: Path) -> None:
    """Another process has dropped it, but has not made that durable."""
    over = threading.Event()
    too_early = []

    def remove_and_tell() -> None:
        other._delete("/tags", True)
        over.set()

    removal = threading.Thread(target=remove_and_tell)

    def remove() -> None:
        if not removal.ident:
            removal.start()
            too_early.append(over.wait(0.2))

    driver = Inline(str(tmp_path), disk=Hooked(lambda: None), journaled=True)
    other = FilesystemDriver(str(tmp_path))
    await driver.write([(LINK, b"one")])
    driver._journal._disk = Hooked(remove)
    driver._journal.settle()
    removal.join()
    assert too_early == [False]
    await driver.close()
    await other.close()


async def test_what_was_dropped_by_a_process_that_died_then_cannot_come_back_after_a_removal(
    tmp_path: Path,
) -> None:
    def die() -> None:
        raise Died

    driver = Inline(str(tmp_path), disk=Hooked(die), journaled=True)
    await driver.write([(LINK, b"one")])
    with contextlib.suppress(Died):
        driver._journal.settle()
    assert segments(tmp_path) == []
    disk = Counting()
    other = Inline(str(tmp_path), disk=disk)
    await other.delete("/tags")
    assert str(tmp_path / JOURNAL) in disk.opened, "it is synced"
    disk.reset()
    await other.write([("/tags", b"")])
    await other.delete("/tags")
    assert str(tmp_path / JOURNAL) not in disk.opened, "once is enough"


@pytest.mark.parametrize("journaled", [True, False])
async def test_whoever_removes_first_after_a_power_cut_writes_again_what_the_journal_holds(
    driver: Inline, tmp_path: Path, journaled: bool
) -> None:
    """A command that removes something before the server is started."""
    await driver.write([(LINK, b"one"), ("/garbage", b"two")])
    only_journal_survives(tmp_path)
    after = Inline(str(tmp_path), journaled=journaled)
    await after.delete("/garbage")
    assert await after.read(LINK) == b"one"
    await after.close()
    assert not (tmp_path / "garbage").exists()
    assert segments(tmp_path) == []


async def test_what_is_written_without_a_journal_after_a_power_cut_is_newer(
    driver: Inline, tmp_path: Path
) -> None:
    await driver.write([(LINK, b"one")])
    only_journal_survives(tmp_path)
    await Inline(str(tmp_path)).write([(LINK, b"two")])
    after = await started(tmp_path)
    assert await after.read(LINK) == b"two"
    await after.close()


def test_a_collection_before_the_first_start_after_a_power_cut_removes_nothing_that_the_journal_refers_to(
    tmp_path: Path,
) -> None:
    """The blob reached the disk, and the link to it only the journal."""
    server = moorage_server(tmp_path)
    (server.root / layout.REPOSITORIES.lstrip("/")).mkdir(parents=True)
    writer = FilesystemDriver(str(server.root), journaled=True)
    digest, data = "0" * 64, b"{}"
    blob = server.root / f"{layout.BLOBS}/sha256/00/{digest}/data".lstrip("/")
    blob.parent.mkdir(parents=True)
    blob.write_bytes(data)
    writer._writing.write([[(LINK, b"only in the journal")]])
    everybody_is_gone(server.root)
    (server.root / LINK.lstrip("/")).unlink()
    collected = forking.command("garbage-collect", server.command[-1])
    assert collected.returncode == 0, collected.stderr
    assert "written again after a power cut" in collected.stderr
    assert (server.root / LINK.lstrip("/")).read_bytes() == b"only in the journal"


async def test_a_record_that_another_process_has_torn_is_not_acknowledged(tmp_path: Path) -> None:
    """On a disk that is nearly full the kernel takes a part, and when there is room again, the rest."""

    class Halving(Disk):
        between: Callable[[], None] | None = None

        def write(self, fd: int, pieces: Sequence[bytes]) -> None:
            data = b"".join(pieces)
            if self.between is None or len(data) < 2_000:
                return super().write(fd, pieces)
            between, self.between = self.between, None
            os.write(fd, data[:1_000])
            between()
            os.write(fd, data[1_000:])

    disk = Halving()
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    other = FilesystemDriver(str(tmp_path), journaled=True)
    await driver.write([("/first", b"makes the journal")])

    def journaled() -> None:
        other._writing.write([[("/other", b"between")]])

    # The file itself is written in pieces, too, but alone.
    await driver.begin("/u/1/startedat", b"now", "/u/1/data")
    writer = await driver.writer("/u/1/data", begun=True)
    await writer.write([bytes(5_000)])
    await writer.close()
    disk.between = journaled
    await driver.move("/u/1/data", "/blobs/1")
    only_journal_survives(tmp_path)
    after = await started(tmp_path)
    assert await after.read("/blobs/1") == bytes(5_000)
    for one in (driver, other, after):
        await one.close()


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("again", [b"one", b"two"], ids=["the-same", "another"])
async def test_after_a_power_cut_a_file_has_the_content_that_it_had_at_last(
    tmp_path: Path, processes: int, again: bytes
) -> None:
    """Of two that write it side by side, the later name is that of the later record."""
    first_is_there, over = threading.Event(), threading.Event()

    class Waiting(Disk):
        """The first writer waits for another when it has its record and not yet its name, or when it sees that it needs none."""

        def fsync(self, fd: int) -> None:  # type: ignore[override]
            super().fsync(fd)
            self.wait()

        def utime(self, path: str) -> None:
            super().utime(path)
            self.wait()

        def wait(self) -> None:
            if threading.current_thread().name == "first" and not first_is_there.is_set():
                first_is_there.set()
                over.wait(0.3)

    drivers = [FilesystemDriver(str(tmp_path), disk=Waiting(), journaled=True) for _ in range(processes)]
    await drivers[0].write([(LINK, b"one")])

    def first() -> None:
        drivers[0]._writing.write([[(LINK, again)]])

    def second() -> None:
        first_is_there.wait()
        drivers[-1]._writing.write([[(LINK, b"three")]])
        over.set()

    threads = [threading.Thread(target=first, name="first"), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    had = await drivers[0].read(LINK)
    only_journal_survives(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == had
    for one in (*drivers, after):
        await one.close()


async def test_a_process_that_was_forked_meanwhile_keeps_no_lock(tmp_path: Path) -> None:
    """It has the same open files, as after `dup`."""
    copies: list[int] = []

    class Forking(Disk):
        def syncfs(self, fd: int) -> None:
            for number in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    if JOURNAL in os.readlink(f"/proc/self/fd/{number}"):
                        copies.append(os.dup(int(number)))
            super().syncfs(fd)

    driver = Inline(str(tmp_path), disk=Forking(), journaled=True)
    await driver.write([(LINK, b"one")])
    driver._journal.settle()
    assert copies
    other = FilesystemDriver(str(tmp_path), journaled=True)
    await other.write([(LINK, b"two")])
    settling = threading.Thread(target=other._journal.settle, daemon=True)
    settling.start()
    settling.join(10)
    assert not settling.is_alive()
    for fd in copies:
        os.close(fd)
    await driver.close()
    await other.close()


def test_a_keeper_that_is_closed_while_it_wakes_up_ends() -> None:
    class Closing(threading.Event):
        def clear(self) -> None:
            keeper.close()
            super().clear()

    keeper = Keeper(lambda: None, 0.01)
    keeper._hurry = Closing()
    keeper.wake(hurry=False)
    assert keeper._thread
    keeper._thread.join(10)
    assert not keeper._thread.is_alive()


async def test_a_journal_that_cannot_be_locked_is_named(driver: Inline, tmp_path: Path) -> None:
    await driver.write([(LINK, b"one")])
    (tmp_path / JOURNAL / "lock").unlink()
    (tmp_path / JOURNAL / "lock").mkdir()
    with pytest.raises(DriverError, match=f"^/{JOURNAL}: cannot be used: Is a directory"):
        await driver.delete("/tags")
    (tmp_path / JOURNAL / "lock").rmdir()


def test_a_read_only_start_beside_a_server_that_settles(tmp_path: Path) -> None:
    """What it saw in the folder is gone when it looks into it."""

    class Late(Disk):
        def listdir(self, path: str) -> list[str]:  # type: ignore[override]
            return [*os.listdir(path), "000000000001"] if path.endswith(JOURNAL) else os.listdir(path)

    (tmp_path / JOURNAL).mkdir(parents=True)
    FilesystemDriver(str(tmp_path), disk=Late()).prepare(read_only=True)


async def test_a_start_on_a_full_disk_needs_no_room_for_the_journal(driver: Inline, tmp_path: Path) -> None:
    class Full(Disk):
        def open(self, path: str, flags: int, mode: int = 0o777) -> int:  # type: ignore[override]
            if flags & os.O_CREAT:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            return os.open(path, flags, mode)

    await driver.write([(LINK, b"one")])
    after = Inline(str(tmp_path), disk=Full(), journaled=True)
    after.prepare()
    assert await after.read(LINK) == b"one"
    assert segments(tmp_path) == []


async def test_a_driver_gives_back_what_it_had_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    driver = FilesystemDriver(str(tmp_path), journaled=True)
    await driver.write([(LINK, b"one")])
    await driver.delete("/tags")
    await driver.close()
    assert len(os.listdir("/proc/self/fd")) == before
