"""The contents of small files, cached while the file stays the same.

Reading a link, a config or a small layer takes three system calls, and each of them lets another thread take the
interpreter, which costs more than the call. Checking that the file is still the same takes a single call. A cached content
does not prove that the file exists: each use compares inode, time and size with those of the file on the disk.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

Version: TypeAlias = tuple[int, int, int, int]

FILE_BYTES: Final = 64 << 10
"""Larger files are read piece by piece."""

KEPT_BYTES: Final = 16 << 20

ENTRY_BYTES: Final = 512
"""The memory that an entry takes besides its content."""

SETTLED_SECONDS: Final = 1.0
"""A file that was changed so recently may change again without a new time: the clocks of file systems are coarse."""


class WholeFile:
    """A file that is in memory as a whole, or bytes that are read like one."""

    def __init__(self, data: bytes) -> None:
        self._content = data
        self.data: bytes | None = data
        self.size = len(data)

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        for position in range(start, stop, piece):
            yield self._content[position : min(position + piece, stop)]

    def close(self) -> None:
        return None


class SmallFiles:
    """Contents by path, at most `limit` bytes; the least recently used are dropped. Not thread-safe."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._files: OrderedDict[str, tuple[Version, bytes]] = OrderedDict()

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def get(self, path: str, found: os.stat_result) -> bytes | None:
        """The content, or None if the file that is there now (`found`) is not the one that it was read from."""
        known, data = self._files[path]
        if known != version(found):
            self.drop(path)
            return None
        self._files.move_to_end(path)
        return data

    def put(self, path: str, found: os.stat_result, data: bytes) -> None:
        """Keep the content of a file; `found` describes the file from before the read."""
        if len(data) != found.st_size or len(data) > FILE_BYTES:
            return
        if time.time() - found.st_mtime < SETTLED_SECONDS:
            return
        self.drop(path)
        self._files[path] = (version(found), data)
        self._size += len(data) + ENTRY_BYTES
        while self._size > self._limit:
            self.drop(next(iter(self._files)))

    def drop(self, path: str) -> None:
        if (known := self._files.pop(path, None)) is not None:
            self._size -= len(known[1]) + ENTRY_BYTES


def version(found: os.stat_result) -> Version:
    """A value that stays equal as long as the file is the same one and unchanged, with its attributes."""
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
