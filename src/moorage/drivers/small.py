"""The contents of small files, cached while the file stays the same.

Reading a link, a config or a small layer takes three system calls, and each of them lets another thread take the
interpreter, which costs more than the call. Checking that the file is still the same takes a single call. A cached content
does not prove that the file exists: each use compares inode, time and size with those of the file on the disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from typing import Final, TypeAlias

from moorage.drivers.bounded import Bounded

Version: TypeAlias = tuple[int, int, int, int]

FILE_BYTES: Final = 64 << 10
"""Larger files are read piece by piece."""

KEPT_BYTES: Final = 16 << 20

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
        self._files = Bounded[tuple[Version, bytes]](limit)

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def get(self, path: str, found: os.stat_result) -> bytes | None:
        """The content, or None if the file that is there now (`found`) is not the one that it was read from."""
        known = self._files.get(path)
        if known is None or known[0] != version(found):
            self.drop(path)
            return None
        return known[1]

    def put(self, path: str, found: os.stat_result, data: bytes) -> None:
        """Keep the content of a file; `found` describes the file from before the read."""
        if len(data) != found.st_size or len(data) > FILE_BYTES:
            return
        if time.time() - found.st_mtime < SETTLED_SECONDS:
            return
        self._files.put(path, (version(found), data), len(data))

    def drop(self, path: str) -> None:
        self._files.take(path)


def version(found: os.stat_result) -> Version:
    """A value that stays equal as long as the file is the same one and unchanged, with its attributes."""
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
