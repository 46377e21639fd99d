"""What was acknowledged is in the tree for good or in the journal, whoever writes, removes and settles side by side."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.journal.journal import JOURNAL
from moorage.drivers.journal.records import last_of_each
from tests.contracts.disk import Counting, Inline
from tests.drivers.journal.cut import everybody_is_gone, only_journal_survives, segments, started

LINK = "/tags/latest/current/link"


async def test_after_a_power_cut_what_only_the_journal_holds_is_written_again(
    driver: Inline, tmp_path: Path
) -> None:
    await driver.begin("/u/1/startedat", b"now", "/u/1/data")
    writer = await driver.writer("/u/1/data", begun=True)
    await writer.write([b"a layer"])
    await writer.close()
    await driver.move("/u/1/data", "/blobs/1", [("/layers/1/link", b"1")], remove=["/u/1"])
    await driver.write([("/index/link", b"one")], [(LINK, b"one")])
    await driver.write([(LINK, b"two")])
    only_journal_survives(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == b"two"
    assert await after.read("/index/link") == b"one"
    assert await after.read("/layers/1/link") == b"1"
    assert await after.read("/blobs/1") == b"a layer"
    os.truncate(tmp_path / "blobs/1", 3)
    with pytest.raises(DriverError, match="damaged"):
        await after.stat("/blobs/1")
    assert segments(tmp_path) == []
    await after.close()


async def test_what_was_removed_does_not_come_back(driver: Inline, tmp_path: Path) -> None:
    await driver.write([(LINK, b"one"), ("/kept", b"kept")])
    assert segments(tmp_path)
    await driver.delete("/tags")
    assert segments(tmp_path) == []
    await driver.write([(LINK, b"two")])
    await driver.delete_matching("/tags/latest", LINK, b"two".__eq__)
    assert segments(tmp_path) == []
    after = await started(tmp_path)
    assert not (tmp_path / LINK.lstrip("/")).exists()
    assert await after.read("/kept") == b"kept"


async def test_an_upload_of_some_size_is_synced_where_it_is(tmp_path: Path) -> None:
    disk = Counting()
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    writer = await driver.writer("/upload")
    await writer.write([bytes(300_000)])
    await writer.close()
    disk.reset()
    await driver.move("/upload", "/blobs/large", [("/link", b"large")])
    assert segments(tmp_path) == []
    assert disk.calls["fsync"] >= 4, "the blob, its link, and their folders"
    await driver.close()


async def test_a_push_waits_for_one_sync_a_request(tmp_path: Path) -> None:
    disk = Counting()
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    await driver.write([("/first", b"makes the journal")])
    disk.reset()
    await driver.begin("/u/1/startedat", b"now", "/u/1/data")
    await driver.move("/u/1/data", "/blobs/1", [("/layers/1/link", b"1")], remove=["/u/1"])
    assert disk.calls["fsync"] == 1
    await driver.write(
        [("/m/1", b"{}")], [("/revisions/1/link", b"1"), ("/index/1/link", b"1")], [(LINK, b"1")]
    )
    assert disk.calls["fsync"] == 2
    assert disk.calls["syncfs"] == 0
    await driver.close()
    assert disk.calls["syncfs"] == 1


class Leaving(Disk):
    """Knows which files a sync of the file system has made durable; settling takes a while."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.durable: dict[str, bytes] = {}

    def syncfs(self, fd: int) -> None:
        found = {f"/{path.name}": path.read_bytes() for path in self.root.glob("file-*")}
        time.sleep(0.005)
        super().syncfs(fd)
        self.durable |= found


def test_side_by_side_nothing_acknowledged_is_neither_in_the_tree_nor_in_the_journal(tmp_path: Path) -> None:
    """Two processes with two threads each write, and everybody settles all the time."""
    disk = Leaving(tmp_path)
    drivers = [FilesystemDriver(str(tmp_path), disk=disk, journaled=True) for _ in range(2)]
    acknowledged: dict[str, bytes] = {}
    faults: list[str] = []
    over = threading.Event()

    def write(number: int) -> None:
        for turn in range(60):
            path, data = f"/file-{number}-{turn % 7}", f"{number}:{turn}".encode()
            drivers[number % 2]._writing.write([[(path, data)]])
            acknowledged[path] = data

    def settle(number: int) -> None:
        while not over.is_set():
            drivers[number]._journal.settle()

    def look() -> None:
        while not over.is_set():
            known = dict(acknowledged)
            try:
                before = [(path, path.stat().st_ino) for path in segments(tmp_path)]
                held = last_of_each([path.read_bytes() for path, _ in before])
                if before != [(path, path.stat().st_ino) for path in segments(tmp_path)]:
                    continue
            except FileNotFoundError:
                continue  # It was dropped while it was read.
            found = disk.durable | {entry.path: entry.data for entry in held}
            for path, data in known.items():
                if int(found.get(path, b":-1").split(b":")[1]) < int(data.split(b":")[1]):
                    faults.append(f"{path} of {data!r} was lost, {found.get(path)!r} is left")

    writers = [threading.Thread(target=write, args=[number]) for number in range(4)]
    others = [threading.Thread(target=settle, args=[number]) for number in range(2)]
    others.append(threading.Thread(target=look))
    for thread in (*others, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in others:
        thread.join()
    for driver in drivers:
        driver._journal.close()
    assert faults == []
    assert len(acknowledged) == 28
    assert disk.durable == acknowledged


async def test_the_journal_is_settled_some_seconds_after_a_write(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path), journaled=True)
    assert driver._journal._keeper
    driver._journal._keeper._seconds = 0.05
    await driver.write([(LINK, b"one")])
    await driver.write([(LINK, b"two")])
    for _ in range(200):
        if not segments(tmp_path):
            break
        time.sleep(0.05)
    assert segments(tmp_path) == []
    await driver.write([(LINK, b"three")])
    await driver.close()
    assert segments(tmp_path) == [], "a stop leaves nothing"


async def test_a_journal_of_some_size_is_settled_at_once(tmp_path: Path) -> None:
    disk = Counting()
    driver = Inline(str(tmp_path), disk=disk, journaled=True, limit=10_000)
    for number in range(30):
        await driver.write([(f"/{number}", bytes(1_000))])
    assert disk.calls["syncfs"] == 3
    await driver.close()


@pytest.mark.parametrize("there", [True, False])
async def test_nothing_is_written_again_while_somebody_is_there_who_has_written(
    driver: Inline, tmp_path: Path, there: bool
) -> None:
    """The file system was mounted all the time, and the kernel has forgotten nothing."""
    await driver.write([(LINK, b"one")])
    (tmp_path / LINK.lstrip("/")).unlink()
    if not there:
        everybody_is_gone(tmp_path)
    after = await started(tmp_path)
    assert (tmp_path / LINK.lstrip("/")).exists() != there
    await after.close()


async def test_what_another_program_has_written_since_is_not_written_over(
    driver: Inline, tmp_path: Path
) -> None:
    """All processes were killed, and the reference implementation served the tree for a while."""
    await driver.write([(LINK, b"one"), ("/torn", b"one")])
    (current,) = segments(tmp_path)
    last = current.stat().st_mtime_ns
    for path, later in ((LINK, 1), ("/torn", 0)):
        file = tmp_path / path.lstrip("/")
        file.write_bytes(b"two")
        os.utime(file, ns=(last + later, last + later))
    everybody_is_gone(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == b"two"
    assert await after.read("/torn") == b"one"
    await after.close()


async def test_a_driver_that_keeps_no_journal_heeds_the_one_that_is_there(
    driver: Inline, tmp_path: Path
) -> None:
    """It was turned off after the power failed."""
    await driver.write([(LINK, b"one")])
    only_journal_survives(tmp_path)
    after = Inline(str(tmp_path))
    after.prepare()
    assert await after.read(LINK) == b"one"
    assert segments(tmp_path) == []


async def test_whoever_writes_first_after_a_power_cut_writes_again_what_the_journal_holds(
    driver: Inline, tmp_path: Path
) -> None:
    """A command that opens the storage before the server is started."""
    await driver.write([(LINK, b"one")])
    only_journal_survives(tmp_path)
    after = Inline(str(tmp_path), journaled=True)
    await after.write([("/other", b"two")])
    assert await after.read(LINK) == b"one"
    await after.close()


async def test_a_journal_whose_folder_nobody_has_synced_is_synced_by_who_writes_to_it(tmp_path: Path) -> None:
    """Whoever made it died right then."""
    (tmp_path / JOURNAL).mkdir(parents=True)
    disk = Counting()
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    await driver.write([(LINK, b"one")])
    for folder in (JOURNAL, ".moorage", ""):
        assert str(tmp_path / folder).rstrip("/") in disk.opened
    await driver.close()
