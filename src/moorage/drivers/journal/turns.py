"""Writers of one file take turns, so that their records are in the journal in the order in which the file got its contents.

Else a reader who has seen the last one would find the one before it after a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Final

from moorage.drivers.disk import Disk
from moorage.drivers.journal.held import Held
from moorage.locks import wait_for

_RANGE: Final = struct.Struct("hhqqi")
"""The kernel's `struct flock`: kind, whence, start, length, and a process that is always 0."""


class Turns:
    """One byte of an empty file stands for a path, and is locked by who has its turn. Such locks are those of a descriptor, which all
    threads of a process share: among them each path has a lock of its own. `open_file` opens the file. A process that dies gives its
    turns back."""

    def __init__(self, disk: Disk, path: str, open_file: Callable[[], int]) -> None:
        self._path = path
        self._held = Held(disk, open_file)
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[threading.Lock, list[None]]] = {}

    @contextlib.contextmanager
    def of(self, paths: Iterable[str]) -> Iterator[None]:
        """In its body, nobody else has the turn of any of the paths. Raises OSError."""
        with contextlib.ExitStack() as stack:
            # In the order of all others, so that nobody waits in a circle.
            for place in sorted(set(map(_place, paths))):
                stack.enter_context(self._turn(place))
            yield

    @contextlib.contextmanager
    def _turn(self, place: int) -> Iterator[None]:
        with self._held.open() as fd, self._lock:
            turn, users = self._waiting.setdefault(place, (threading.Lock(), []))
            users.append(None)
        try:
            with turn, self._locked(fd, place):
                yield
        finally:
            with self._lock:
                users.pop()
                if not users:
                    del self._waiting[place]

    @contextlib.contextmanager
    def _locked(self, fd: int, place: int) -> Iterator[None]:
        wanted = _RANGE.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
        try:
            wait_for(lambda: fcntl.fcntl(fd, fcntl.F_OFD_SETLK, wanted), self._path)
        except OSError as error:
            # A kernel without such locks: the threads of this process take turns all the same.
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
        try:
            yield
        finally:
            # Not by closing: other threads, and processes forked meanwhile, have the descriptor too.
            with contextlib.suppress(OSError):
                fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _RANGE.pack(fcntl.F_UNLCK, os.SEEK_SET, place, 1, 0))

    def close(self) -> None:
        self._held.close()


def _place(path: str) -> int:
    """A number below 2^62. Two paths that have the same wait for each other, too."""
    return int.from_bytes(blake2b(path.encode(errors="surrogateescape"), digest_size=8).digest()) >> 2
