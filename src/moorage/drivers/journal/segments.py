"""One file of a journal, as one process has it open."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Sequence
from typing import Final

from moorage.drivers.disk import READ, Disk
from moorage.drivers.journal.records import HEADER_LIMIT, Entry, encode, key_of
from moorage.locks import wait_for

_OPEN: Final = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class Segment:
    """Threads append to it side by side, and wait for each other's syncs. While any of them is between `enter` and `leave`, the process
    has a shared lock on the file: whoever wants to drop it waits for that."""

    def __init__(self, disk: Disk, path: str) -> None:
        """Opens the file. Raises OSError, and ValueError for what is no such file."""
        self._disk = disk
        self._path = path
        self._fd = disk.open(path, _OPEN)
        try:
            found = disk.fstat(self._fd)
            self._identity, self._size = (found.st_dev, found.st_ino), found.st_size
            self._key = key_of(disk.read(self._fd, HEADER_LIMIT))
        except BaseException:
            disk.close(self._fd)
            raise
        self.bytes_added = 0
        self._users = 0
        self._retired = False
        self._counting = threading.Lock()
        self._added = 0
        self._syncing = threading.Lock()
        self._synced = 0
        self._failed = False

    def enter(self) -> bool:
        """Whether the file may be appended to; then `leave` must follow. Raises OSError."""
        with self._counting:
            if self._retired or self._failed:
                return False
            if not self._users:
                try:
                    fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
            # After the lock: whoever drops the file first takes its name, and then waits for the lock.
            usable = False
            try:
                usable = self.has_its_name()
            finally:
                if usable:
                    self._users += 1
                elif not self._users:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
            return usable

    def leave(self) -> None:
        with self._counting:
            self._users -= 1
            if self._users:
                return
            if self._retired:
                self._close()
            else:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def retire(self) -> None:
        """Close the file once nobody uses it."""
        with self._counting:
            self._retired = True
            if not self._users:
                self._close()

    def append(self, entries: Sequence[Entry]) -> None:
        """Returns when the entries are durable. Raises OSError.

        One thread syncs at a time, and what the others have appended meanwhile shares the next sync. A sync that fails is told to a file
        descriptor only once, and the kernel drops what it could not write. So nothing of which it is not known that it was synced before
        counts as synced later, and who writes next opens the file anew.
        """
        length = self._write(encode(entries, self._key))
        with self._counting:
            self._added += 1
            mine = self._added
            self.bytes_added += length
        with self._syncing:
            if self._failed:
                raise OSError(errno.EIO, os.strerror(errno.EIO), self._path)
            if self._synced >= mine:
                return
            with self._counting:
                added = self._added
            try:
                self._disk.fsync(self._fd)
            except OSError as error:
                self._failed = True
                error.filename = self._path
                raise
            self._synced = added

    def _write(self, pieces: Sequence[bytes]) -> int:
        """Append a record; return its length. On a disk that is nearly full the kernel may take a part first and the rest later, and
        another process's record in between: that tears it. Raises OSError."""
        length = sum(map(len, pieces))
        before = self._size
        self._disk.write(self._fd, pieces)
        self._size = end = self._disk.fstat(self._fd).st_size
        if end != before + length:
            # Others have appended, too. It will be at the end, but one of them may have come later.
            record = b"".join(pieces)
            if self._part(end - length, end) != record and record not in self._part(before, end):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        return length

    def _part(self, start: int, end: int) -> bytes:
        found = bytearray()
        while len(found) < end - start:
            piece = bytearray(end - start - len(found))
            if not (count := self._disk.preadv(self._fd, [piece], start + len(found))):
                break
            found += piece[:count]
        return bytes(found)

    def has_its_name(self) -> bool:
        """Whether nobody has begun to drop the file. Raises OSError."""
        try:
            found = self._disk.stat(self._path)
            return (found.st_dev, found.st_ino) == self._identity
        except FileNotFoundError:
            return False

    def _close(self) -> None:
        # What counts was synced.
        with contextlib.suppress(OSError):
            give_back(self._disk, self._fd)


def wait_for_writers(disk: Disk, path: str) -> None:
    """Wait until nobody is between `enter` and `leave` of a file that has lost its name. Raises OSError."""
    fd = disk.open(path, READ)
    try:
        wait_for(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), path)
    finally:
        give_back(disk, fd)


def give_back(disk: Disk, fd: int) -> None:
    """End the lock of a descriptor and close it. Closing does not suffice: a process that was forked meanwhile has it too. Raises
    OSError."""
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        disk.close(fd)


def contents(disk: Disk, path: str) -> bytes:
    """Raises OSError."""
    pieces = []
    fd = disk.open(path, READ)
    try:
        while piece := disk.read(fd, 1 << 20):
            pieces.append(piece)
    finally:
        disk.close(fd)
    return b"".join(pieces)
