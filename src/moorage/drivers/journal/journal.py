"""Small files are durable before they have their names: the journal of all processes that write below one root.

The file `current` is appended to. To drop it, a process links it to the next number, takes the name `current` from it, waits for the writes
that are under way, and has the kernel sync the file system: then all that it holds is in the tree for good. Others begin a new `current`
meanwhile.

Only what is written is in the journal, and nothing of what is removed. So a removal is durable once what was written before it is no longer
in the journal: `settle`. And files are not removed while what the journal holds is being written again: `removing`.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from moorage.drivers.base import DriverError
from moorage.drivers.disk import READ, Disk
from moorage.drivers.folders import Changed, Folders
from moorage.drivers.journal.device import Device
from moorage.drivers.journal.keeper import Keeper
from moorage.drivers.journal.presence import Presence
from moorage.drivers.journal.records import HEADER_LIMIT, Entry, key_of, last_of_each, new_header
from moorage.drivers.journal.segments import Segment, contents, give_back, wait_for_writers
from moorage.drivers.journal.turns import Turns
from moorage.drivers.staging import temporary_path
from moorage.locks import wait_for

log = logging.getLogger(__name__)

JOURNAL: Final = ".moorage/journal"
"""Below the root."""

SECONDS: Final = 10.0
"""So long after a write, or sooner, it is in the tree for good, and no more in the journal."""

LIMIT: Final = 16 << 20
"""In bytes. What one process has appended when it does not wait any longer."""

_CURRENT: Final = "current"
_LOCK: Final = "lock"
_GATE: Final = "gate"
"""Held together by those who begin a file or remove something, and alone by whoever writes again what the journal holds."""
_TURNS: Final = "turns"
_PRESENT: Final = "present"
_UNSYNCED: Final = "unsynced"
_DROPPED: Final = "dropped"
"""What was dropped last, until it is known that it does not come back."""
_PRIVATE: Final = 0o660
"""What is written may be a key of the registry. And whoever can open a file can lock it."""
_LOCKING: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Restore(Protocol):
    def __call__(self, entries: Sequence[Entry], *, since: int | None = None) -> int:
        """Write the entries into the tree again, without syncing them, and return how many. `since`: but for those that it has, and those
        that somebody has written after that time, in nanoseconds since the epoch. Raises OSError, DriverError."""


class Journal:
    """`restore` is called when those who wrote to the journal have not come to settling it. With `seconds` of None, it is settled only
    when a process has appended `limit` bytes, or when somebody asks for it."""

    def __init__(
        self,
        disk: Disk,
        folders: Folders,
        root: str,
        restore: Restore,
        *,
        limit: int = LIMIT,
        seconds: float | None = SECONDS,
    ) -> None:
        self._disk = disk
        self._folders = folders
        self._root = root
        self._folder = f"{root}/{JOURNAL}"
        self._restore = restore
        self._limit = limit
        self._most = limit if seconds is None else 2 * limit
        self._keeper = Keeper(self.settle, seconds) if seconds is not None else None
        self._device = Device(disk, self._folder)
        self.turns = Turns(disk, f"{self._folder}/{_TURNS}", lambda: self._open_lock(_TURNS))
        self._presence = Presence(disk, f"{self._folder}/{_PRESENT}", lambda: self._open_lock(_PRESENT))
        self._unsynced = False
        self._lock = threading.Lock()
        self._segment: Segment | None = None
        self.recovered = False
        """Whether `recover` has returned once."""

    # Writing

    @contextlib.contextmanager
    def written(self, entries: Sequence[Entry]) -> Iterator[None]:
        """In its body, the entries get their names. Before it they are durable; if it raises they may or may not be found after a power
        cut. Only after `recover`, and not for bodies that call `settle`. Raises OSError, DriverError."""
        segment = self._entered()
        try:
            segment.append(entries)
            yield
        finally:
            segment.leave()
        if self._keeper:
            self._keeper.wake(hurry=segment.bytes_added >= self._limit)
        if segment.bytes_added >= self._most:
            # The thread that settles does not keep up: wait for it.
            self.settle()

    def _entered(self) -> Segment:
        segment = self._segment
        if segment and segment.enter():
            return segment
        with self._lock:
            while True:
                if self._segment is None:
                    self._segment = self._opened()
                if self._segment.enter():
                    return self._segment
                self._segment.retire()
                self._segment = None

    def _opened(self) -> Segment:
        path = f"{self._folder}/{_CURRENT}"
        changed: Changed = {self._folder: self._folders.make(self._folder)}
        # Made before there is anything to lock: later there may be no room for it.
        self._disk.close(self._open_lock(_LOCK))
        self._device.watch()
        self._presence.begin()
        while True:
            try:
                segment = self._readable(path)
            except FileNotFoundError:
                self._create(path)
            else:
                break
        # Whoever made it may not have come to syncing its name, nor those of the folders.
        try:
            self._folders.sync(changed)
        except BaseException:
            segment.retire()
            raise
        return segment

    def _readable(self, path: str) -> Segment:
        try:
            return Segment(self._disk, path)
        except ValueError as error:
            raise self._unreadable(path, error) from None

    def _unreadable(self, path: str, error: ValueError) -> DriverError:
        return DriverError(
            path.removeprefix(self._root),
            f"is no file of the journal ({error}): move it away to go on without what was written last before a power cut",
        )

    def _create(self, path: str) -> None:
        temporary = temporary_path(self._root)
        fd = self._folders.within(temporary, lambda: self._disk.open(temporary, _CREATE, _PRIVATE))
        try:
            try:
                self._disk.write(fd, [new_header()])
                self._disk.fsync(fd)
            finally:
                self._disk.close(fd)
            with self._locked(_GATE, fcntl.LOCK_SH), contextlib.suppress(FileExistsError):
                self._disk.link(temporary, path)
        finally:
            self._disk.unlink(temporary)

    # Settling

    def settle(self) -> None:
        """On return, what was written before the call is in the tree for good, and no more in the journal. Raises OSError, DriverError."""
        if self._disk.exists(self._folder):
            # Even if it is empty: whoever drops the last file may not yet have made that durable.
            with self._locked(_LOCK):
                self._settle()
        self._let_go()

    def _let_go(self) -> None:
        """Close the file that this process has appended to if it was dropped: it takes its room until then."""
        segment = self._segment
        if segment and not segment.has_its_name():
            with self._lock:
                if self._segment is segment:
                    segment.retire()
                    self._segment = None

    def _settle(self) -> None:
        if not self._names():
            if self._disk.exists(f"{self._folder}/{_DROPPED}"):
                # Whoever dropped it died right then.
                self._disk.sync_folder(self._folder)
                self._disk.unlink(f"{self._folder}/{_DROPPED}")
            return
        if self._unsynced or self._disk.exists(f"{self._folder}/{_UNSYNCED}"):
            self._write_again(forgotten=False)
            return
        closed = self._close()
        try:
            self._device.sync()
        except OSError:
            # Another sync would succeed without what the kernel has dropped.
            self._note_unsynced()
            raise
        self._drop(closed)

    def _write_again(self, *, forgotten: bool) -> None:
        """Write what the journal holds into the tree, in the order in which it was first written, while nobody writes or removes
        anything else. Unless the kernel has `forgotten`, as after a failed sync, the tree still tells what was removed since."""
        with self._locked(_GATE):
            for name in self._names():
                self._check(f"{self._folder}/{name}")
            closed = self._close()
            entries = last_of_each([contents(self._disk, path) for path in closed])
            if forgotten:
                newest = max((self._disk.stat(path).st_mtime_ns for path in closed), default=0)
                count = self._restore(entries, since=newest)
            else:
                count = self._restore([entry for entry in entries if self._is_there(entry)])
            self._device.sync()
            self._drop(closed)
            with contextlib.suppress(FileNotFoundError):
                self._disk.unlink(f"{self._folder}/{_UNSYNCED}")
            self._unsynced = False
        if count:
            told = {"path": self._folder, "files": count}
            log.warning("written again after a power cut or a failed sync", extra=told)

    def _check(self, path: str) -> None:
        """Raises DriverError for what is no file of the journal."""
        fd = self._disk.open(path, READ)
        try:
            key_of(self._disk.read(fd, HEADER_LIMIT))
        except ValueError as error:
            raise self._unreadable(path, error) from None
        finally:
            self._disk.close(fd)

    def _is_there(self, entry: Entry) -> bool:
        try:
            return self._disk.exists(self._root + entry.path)
        except NotADirectoryError:
            return False

    def _close(self) -> list[str]:
        """Take the name from what is written to, and wait for the writes that are under way. Returns the paths of what is to be dropped,
        oldest first."""
        closed = [name for name in self._names() if name.isdigit()]
        current, number = f"{self._folder}/{_CURRENT}", int(closed[-1]) + 1 if closed else 1
        if self._disk.exists(current):
            closed.append(f"{number:012}")
            self._disk.link(current, f"{self._folder}/{closed[-1]}")
            self._disk.sync_folder(self._folder)
            self._disk.unlink(current)
        paths = [f"{self._folder}/{name}" for name in closed]
        for path in paths:
            wait_for_writers(self._disk, path)
        return paths

    def _drop(self, paths: Sequence[str]) -> None:
        """Oldest first and each for good: an older one, left without those after it, would undo what those hold."""
        for path in paths:
            self._disk.rename(path, f"{self._folder}/{_DROPPED}")
            self._disk.sync_folder(self._folder)
        self._disk.unlink(f"{self._folder}/{_DROPPED}")

    def _note_unsynced(self) -> None:
        # A disk that fails may not take the note. The other processes are told by their own descriptors.
        self._unsynced = True
        with contextlib.suppress(OSError):
            self._disk.close(self._open_lock(_UNSYNCED))
            self._disk.sync_folder(self._folder)

    def _names(self) -> list[str]:
        """The files of the journal, oldest first; `current` is the last."""
        try:
            names = self._disk.listdir(self._folder)
        except FileNotFoundError:
            return []
        return sorted(filter(holds_entries, names))

    @contextlib.contextmanager
    def removing(self) -> Iterator[None]:
        """In its body files may be removed; `settle` makes that durable afterwards. Raises OSError."""
        with contextlib.ExitStack() as stack:
            if self._disk.exists(self._folder):
                self._presence.begin()
                stack.enter_context(self._locked(_GATE, fcntl.LOCK_SH))
            yield

    @contextlib.contextmanager
    def _locked(self, name: str, how: int = fcntl.LOCK_EX, *, flags: int = 0) -> Iterator[None]:
        """Keep other threads and processes out. The file's descriptor has the lock, so a process that dies gives it back. With `flags`,
        the file is not made. Raises OSError."""
        fd = self._disk.open(f"{self._folder}/{name}", flags) if flags else self._open_lock(name)
        try:
            if how & fcntl.LOCK_NB:
                fcntl.flock(fd, how)
            else:
                wait_for(lambda: fcntl.flock(fd, how | fcntl.LOCK_NB), f"{self._folder}/{name}")
            yield
        finally:
            give_back(self._disk, fd)

    def _open_lock(self, name: str) -> int:
        path = f"{self._folder}/{name}"
        try:
            return self._disk.open(path, _LOCKING)
        except FileNotFoundError:
            return self._folders.within(path, lambda: self._disk.open(path, _LOCKING | os.O_CREAT, _PRIVATE))

    # Life

    def recover(self) -> None:
        """When first called: if nobody is there any more who has written to the journal, write into the tree again what is missing of what
        it holds. For whoever is going to change anything. Raises OSError, DriverError."""
        if self.recovered:
            return
        if self._names():
            with self._locked(_LOCK):
                try:
                    if self._presence.alone():
                        self._write_again(forgotten=True)
                    self._presence.begin()
                except BaseException:
                    # Else the next one would take us for somebody who knows that nothing was forgotten.
                    self._presence.close()
                    raise
        self.recovered = True

    def left_behind(self) -> bool:
        """Whether anything is in the journal and nobody is there who has written it. Changes nothing. Raises OSError."""
        if not self._names():
            return False
        try:
            # Under the lock, so that nobody takes us for somebody who is there.
            with (
                self._locked(_LOCK, flags=READ),
                self._locked(_PRESENT, fcntl.LOCK_EX | fcntl.LOCK_NB, flags=READ),
            ):
                return True
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Settle what this process has written, and forget it. Does not raise."""
        if self._keeper:
            self._keeper.close()
        with self._lock:
            segment, self._segment = self._segment, None
        try:
            if segment:
                segment.retire()
                self.settle()
        except (OSError, DriverError) as error:
            log.error(
                "the journal could not be settled: the next start does it", extra={"reason": str(error)}
            )
        finally:
            self._device.close()
            self.turns.close()
            self._presence.close()


def holds_entries(name: str) -> bool:
    """Whether a file in the folder of the journal is a part of it, by its name."""
    return name.isdigit() or name == _CURRENT
