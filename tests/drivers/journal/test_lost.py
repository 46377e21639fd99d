"""A disk that has lost what the kernel gave it: nothing of it is dropped from the journal, and what was removed since stays away."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.journal.journal import JOURNAL
from tests.contracts.disk import Inline
from tests.drivers.journal.cut import segments

LINK = "/tags/latest/current/link"


class Machine:
    """What the kernel tells of a file system that lost something: each descriptor once, but one opened after it was told once, nothing."""

    def __init__(self) -> None:
        self.told = True
        self.errors = 0

    def loses_something(self) -> None:
        self.errors, self.told = self.errors + 1, False


class Losing(Disk):
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.known: dict[int, int] = {}
        self.refused: set[str] = set()

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:  # type: ignore[override]
        if os.path.basename(path) in self.refused:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        fd = os.open(path, flags, mode)
        self.known[fd] = self.machine.errors if self.machine.told else self.machine.errors - 1
        return fd

    def syncfs(self, fd: int) -> None:
        super().syncfs(fd)
        before, self.known[fd] = self.known[fd], self.machine.errors
        if before != self.machine.errors:
            self.machine.told = True
            raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_what_is_removed_after_a_failed_sync_does_not_come_back(tmp_path: Path) -> None:
    machine = Machine()
    driver = Inline(str(tmp_path), disk=Losing(machine), journaled=True)
    await driver.write([(LINK, b"one"), ("/other", b"one")])
    machine.loses_something()
    with pytest.raises(OSError, match="Input/output error"):
        driver._journal.settle()
    await driver.delete("/tags")
    assert segments(tmp_path) == []
    assert not (tmp_path / "tags").exists()
    assert await driver.read("/other") == b"one"
    await driver.close()


async def test_nothing_is_removed_while_it_is_written_again(tmp_path: Path) -> None:
    """The other process would be told that it is gone."""
    machine = Machine()
    removing: list[threading.Thread] = []

    class Looking(Losing):
        def exists(self, path: str) -> bool:
            found = super().exists(path)
            if path.endswith(LINK) and not removing:
                removing.append(threading.Thread(target=other._delete, args=["/tags", True]))
                removing[0].start()
                removing[0].join(0.2)
            return found

    driver = Inline(str(tmp_path), disk=Losing(machine), journaled=True)
    other = FilesystemDriver(str(tmp_path))
    await driver.write([(LINK, b"one")])
    machine.loses_something()
    with pytest.raises(OSError, match="Input/output error"):
        driver._journal.settle()
    driver._journal._disk = Looking(machine)
    driver._journal.settle()
    removing[0].join()
    assert not (tmp_path / "tags").exists()
    await driver.close()
    await other.close()


async def test_what_another_program_was_told_that_the_disk_lost_is_written_again(tmp_path: Path) -> None:
    """Its sync was told first, and a descriptor opened after that would be told nothing."""
    machine = Machine()
    driver = Inline(str(tmp_path), disk=Losing(machine), journaled=True)
    await driver.write([(LINK, b"one")])
    before = os.stat(tmp_path / LINK.lstrip("/")).st_ino
    machine.loses_something()
    machine.told = True
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path}/{JOURNAL}'"):
        driver._journal.settle()
    driver._journal.settle()
    assert os.stat(tmp_path / LINK.lstrip("/")).st_ino != before
    await driver.close()


async def test_a_disk_that_does_not_take_the_note_of_its_failure_has_failed_all_the_same(
    tmp_path: Path,
) -> None:
    machine = Machine()
    disk = Losing(machine)
    driver = Inline(str(tmp_path), disk=disk, journaled=True)
    await driver.write([(LINK, b"one")])
    before = os.stat(tmp_path / LINK.lstrip("/")).st_ino
    machine.loses_something()
    disk.refused.add("unsynced")
    with pytest.raises(OSError, match="Input/output error"):
        driver._journal.settle()
    driver._journal.settle()
    assert os.stat(tmp_path / LINK.lstrip("/")).st_ino != before
    await driver.close()
