"""Open files of the filesystem driver: one to read, one to append to."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from typing import Final

from moorage.drivers.base import DriverError, InvalidPath, Meanwhile, PathNotFound, StorageFull, ignore
from moorage.drivers.disk import Disk


def translate(error: OSError, path: str) -> DriverError:
    """The one place where the kernel's words become the driver's. `path` is the driver's path."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP):
        return PathNotFound(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(path, os.strerror(error.errno))
    if error.errno == errno.ENAMETOOLONG:
        return InvalidPath(path, "name too long")
    return DriverError(path, error.strerror or str(error))


SPARE_BYTES: Final = 256 << 10
SPARE_COUNT: Final = 32
_spare: list[bytearray] = []
"""Buffers of the usual size that nobody uses now: fresh memory for every file costs more than the copy into it."""


def _buffer(size: int) -> bytearray:
    return _spare.pop() if size == SPARE_BYTES and _spare else bytearray(size)


class FileReader:
    """Reads pages that the kernel has at hand on the event loop, and waits for the others in a worker thread;
    `inline` False never reads on the event loop."""

    def __init__(self, disk: Disk, pool: Executor, fd: int, path: str, size: int, *, inline: bool) -> None:
        self._disk = disk
        self._pool = pool
        self._fd = fd
        self._path = path
        self._inline = inline
        self.size = size

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        whole = buffer = _buffer(min(piece, stop - start))
        while start < stop:
            if stop - start < len(buffer):
                buffer = buffer[: stop - start]
            count = self._at_hand(buffer, start) if self._inline else -1
            if count < 0:
                loop = asyncio.get_running_loop()
                count = await loop.run_in_executor(self._pool, self._wait, buffer, start)
            if count == 0:
                raise DriverError(self._path, f"ends at {start} of {self.size} bytes")
            yield buffer if count == len(buffer) else buffer[:count]
            start += count
        # Only at a regular end: a thread may still be writing into the buffer of a stream that was cancelled.
        if len(whole) == SPARE_BYTES and len(_spare) < SPARE_COUNT:
            _spare.append(whole)

    def _at_hand(self, buffer: bytearray, start: int) -> int:
        """Bytes read without waiting for a device; -1 when there are none."""
        try:
            return self._disk.preadv(self._fd, [buffer], start, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EOPNOTSUPP, errno.ENOSYS):
                return -1
            raise translate(error, self._path) from None

    def _wait(self, buffer: bytearray, start: int) -> int:
        try:
            return self._disk.preadv(self._fd, [buffer], start)
        except OSError as error:
            raise translate(error, self._path) from None

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                self._disk.close(fd)

    def __del__(self) -> None:
        self.close()


class FileWriter:
    """Appends; the lock on the file is held until it is closed."""

    def __init__(self, disk: Disk, pool: Executor, fd: int, path: str, size: int) -> None:
        self._disk = disk
        self._pool = pool
        self._fd = fd
        self._path = path
        self.size = size

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, self._write, pieces, meanwhile)
        self.size += sum(map(len, pieces))

    def _write(self, pieces: Sequence[bytes], meanwhile: Meanwhile) -> None:
        try:
            self._disk.write(self._fd, pieces)
        except OSError as error:
            raise translate(error, self._path) from None
        meanwhile(pieces)

    async def close(self) -> None:
        """Raises DriverError, StorageFull: network file systems tell only now what became of a write."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                self._disk.close(fd)
            except OSError as error:
                raise translate(error, self._path) from None
