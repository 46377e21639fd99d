"""The system calls under the filesystem driver, behind one seam.

A test puts its own `Disk` there to count calls, to fail or to die at the k-th one, or to record them and replay
a power cut. Nothing else in the package changes a file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Final

VECTOR_LIMIT: Final = 512
"""Pieces in one call; the kernel takes 1,024 at most."""


class Disk:
    """Plain `os`. File descriptors are ints, paths are real paths; every method may raise OSError."""

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    read = staticmethod(os.read)
    preadv = staticmethod(os.preadv)
    stat = staticmethod(os.stat)
    fstat = staticmethod(os.fstat)
    listdir = staticmethod(os.listdir)
    mkdir = staticmethod(os.mkdir)
    rename = staticmethod(os.rename)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    fsync = staticmethod(os.fsync)
    getxattr = staticmethod(os.getxattr)
    setxattr = staticmethod(os.setxattr)

    def begin_writing(self, fd: int, start: int, length: int) -> None:
        """Send what was written to the device without waiting for it, so that a sync later has little left to do.
        (Linux begins to write dirty pages when told that they are not needed; while dirty they are not dropped.)"""
        with contextlib.suppress(OSError):
            os.posix_fadvise(fd, start, length, os.POSIX_FADV_DONTNEED)

    def write(self, fd: int, pieces: Sequence[bytes]) -> None:
        """All of the pieces, at the end of the file."""
        if len(pieces) > VECTOR_LIMIT:
            pieces = [b"".join(pieces)]
        written = os.writev(fd, pieces)
        if written == sum(map(len, pieces)):
            return
        # A short write: the disk is nearly full, or a signal came. The next write tells which.
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]

    def sync_folder(self, path: str) -> None:
        """Make the names in a folder durable."""
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.fsync(fd)
        finally:
            self.close(fd)
