"""Open files of the filesystem driver: one to read, one to append to."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from moorage.drivers.base import (
    DriverError,
    InvalidPath,
    ListingRefused,
    Meanwhile,
    Obstructed,
    PathNotFound,
    StorageFull,
    WriteRefused,
    ignore,
)
from moorage.drivers.disk import Disk
from moorage.drivers.obstacles import KINDS, BelowAFile
from moorage.drivers.threads import Threads

FULL: Final = errno.ENOSPC, errno.EDQUOT, errno.EFBIG
"""What the kernel says where there is no room: on the disk, in a quota, or below a limit on file sizes."""

REFUSED: Final = errno.EACCES, errno.EPERM, errno.EROFS
"""What the kernel says of a change that is not for this user to make: of the permissions, of a flag of the file, or of the mount."""


def translate(error: OSError, path: str) -> DriverError:
    """Translate the kernel's error into the driver's, here and nowhere else. `path` is the driver's path."""
    if error.errno == errno.ENOENT:
        return PathNotFound(path)
    if error.errno == errno.ENOTDIR:
        return BelowAFile(path, "a file is where its folder should be")
    if error.errno in KINDS:
        return Obstructed(path, KINDS[error.errno])
    if error.errno in FULL:
        return StorageFull(path, os.strerror(error.errno))
    if error.errno == errno.ENAMETOOLONG:
        return InvalidPath(path, "name too long")
    return DriverError(path, error.strerror or str(error))


def translate_change(error: OSError, path: str) -> DriverError:
    """Like `translate`, for calls that were to change something."""
    if error.errno in REFUSED:
        return WriteRefused(path, error.strerror or str(error))
    return translate(error, path)


def translate_listing(error: OSError, path: str) -> DriverError:
    """Like `translate`, for listing a folder."""
    if error.errno == errno.ELOOP:
        # Like a link that leads nowhere: a folder that is not there.
        return PathNotFound(path)
    if error.errno == errno.EACCES:
        return ListingRefused(path, error.strerror or str(error))
    return translate(error, path)


SPARE_BYTES: Final = 256 << 10
SPARE_COUNT: Final = 32
_spare: list[bytearray] = []
"""Unused buffers of the usual size: allocating memory for every file costs more than copying into it."""


def _buffer(size: int) -> bytearray:
    return _spare.pop() if size == SPARE_BYTES and _spare else bytearray(size)


class FileReader:
    """Reads pages that the kernel has in memory on the event loop, and the others in a worker thread.

    Without `inline`, all reads happen in a worker thread.
    """

    def __init__(
        self, disk: Disk, threads: Threads, fd: int, path: str, found: os.stat_result, *, inline: bool
    ) -> None:
        self._disk = disk
        self._threads = threads
        self._fd = fd
        self._path = path
        self._inline = inline
        self.found = found
        self.size = found.st_size
        self.data: bytes | None = None

    @property
    def descriptor(self) -> int:
        """Of the open file; -1 once it is closed."""
        return self._fd

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        whole = buffer = _buffer(min(piece, stop - start))
        while start < stop:
            if stop - start < len(buffer):
                buffer = buffer[: stop - start]
            count = self.at_hand(buffer, start) if self._inline else -1
            if count < 0:
                count = await self._threads.call(self._wait, buffer, start)
            if count == 0:
                raise DriverError(self._path, f"ends at {start} of {self.size} bytes")
            yield buffer if count == len(buffer) else buffer[:count]
            start += count
        # Only after a regular end: if the stream was cancelled, a thread may still be writing into the buffer.
        if len(whole) == SPARE_BYTES and len(_spare) < SPARE_COUNT:
            _spare.append(whole)

    def at_hand(self, buffer: bytearray, start: int) -> int:
        """Read as much as possible into the buffer without waiting for a device. Returns the number of bytes, 0 at the end of
        the file, or -1 if nothing can be read without waiting."""
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


TURN: Final = 16
"""How many batches a thread writes for one file before it lets other work take its turn."""

SENT_BYTES: Final = 8 << 20
"""After how many bytes a growing file is sent to the device; otherwise the final sync would wait for all of it."""


class FileWriter:
    """Appends to a file, and holds the lock on it until it is closed.

    Batches wait in a short queue. A worker thread empties it while more arrive, and goes from one batch to the next without a
    trip to the event loop and back. Only the event loop starts a thread and notes when it has ended.
    """

    def __init__(self, disk: Disk, threads: Threads, fd: int, path: str, size: int) -> None:
        self._disk = disk
        self._threads = threads
        self._fd = fd
        self._path = path
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[Sequence[bytes], Meanwhile]] = deque()
        self._working = self._awaited = self._abandoned = False
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self._given = self._sent = size
        self.size = size
        self.mark = ""

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        self._raise()
        self._given += sum(map(len, pieces))
        self._waiting.append((pieces, meanwhile))
        if not self._working:
            self._start()
        while self._working and self._given - self.size > ahead:
            await self._change()
        self._raise()

    async def flush(self) -> None:
        while self._working:
            await self._change()
        self._raise()
        try:
            if self._disk.fstat(self._fd).st_nlink == 0:
                raise PathNotFound(self._path, "removed while it was written to")
        except OSError as error:
            raise translate(error, self._path) from None

    async def close(self) -> None:
        """Close the file. Raises DriverError, StorageFull: network file systems report failed writes only now."""
        try:
            while self._working:
                await self._change()
        except asyncio.CancelledError:
            # The thread may still use the descriptor, which must not come to name another file.
            self._abandoned = self._working
            if not self._working:
                self._give_up()
            raise
        try:
            self._close()
        except OSError as error:
            raise translate_change(error, self._path) from None

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._disk.close(fd)

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):
            self._close()

    # A caller that was cancelled while the writer was being opened never closes it.
    __del__ = _give_up

    async def _change(self) -> None:
        """Wait until a batch is written or the thread has ended."""
        self._changed.clear()
        self._awaited = True
        await self._changed.wait()

    def _raise(self) -> None:
        if isinstance(self._error, OSError):
            raise translate_change(self._error, self._path) from None
        if self._error is not None:
            raise self._error

    def _start(self) -> None:
        self._working = True
        self._loop = asyncio.get_running_loop()
        self._threads.call(self._work).add_done_callback(self._ended)

    def _ended(self, job: asyncio.Future[None]) -> None:
        self._error = job.exception()
        if self._error is not None:
            self._waiting.clear()
        if self._waiting:
            self._start()
        else:
            self._working = False
            if self._abandoned:
                self._give_up()
        self._changed.set()

    def _work(self) -> None:
        """Write waiting batches. Runs in a worker thread."""
        for _ in range(TURN):
            if not self._waiting:
                return
            pieces, meanwhile = self._waiting.popleft()
            self._disk.write(self._fd, pieces)
            meanwhile(pieces)
            self.size += sum(map(len, pieces))
            if self.size - self._sent >= SENT_BYTES:
                self._disk.begin_writing(self._fd, self._sent, self.size - self._sent)
                self._sent = self.size
            if self._awaited and self._loop is not None:
                self._awaited = False
                self._loop.call_soon_threadsafe(self._changed.set)
