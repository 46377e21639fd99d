"""The system calls of the filesystem driver, behind one seam.

Tests substitute their own `Disk`: to count calls, to fail or die at the k-th one, or to record them and replay a power cut.
Nothing else in the package changes a file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Final

VECTOR_LIMIT: Final = 512
"""The most pieces in one call. The kernel's limit is 1,024."""


class Disk:
    """The functions of `os`. File descriptors are ints, paths are real paths; every method may raise OSError."""

    open = staticmethod(os.open)
    close = staticmethod(os.close)
    read = staticmethod(os.read)
    preadv = staticmethod(os.preadv)
    stat = staticmethod(os.stat)
    fstat = staticmethod(os.fstat)
    listdir = staticmethod(os.listdir)
    mkdir = staticmethod(os.mkdir)
    rename = staticmethod(os.rename)
    link = staticmethod(os.link)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    fsync = staticmethod(os.fsync)
    getxattr = staticmethod(os.getxattr)
    setxattr = staticmethod(os.setxattr)

    def begin_writing(self, fd: int, start: int, length: int) -> None:
        """Start writing a range to the device without waiting for it, so that a later sync has little left to do.

        POSIX_FADV_DONTNEED makes Linux start to write dirty pages back; it does not drop them while they are dirty.
        """
        with contextlib.suppress(OSError):
            os.posix_fadvise(fd, start, length, os.POSIX_FADV_DONTNEED)

    def write(self, fd: int, pieces: Sequence[bytes]) -> None:
        """Append all pieces to the file."""
        if len(pieces) > VECTOR_LIMIT:
            pieces = [b"".join(pieces)]
        written = os.writev(fd, pieces)
        if written == sum(map(len, pieces)):
            return
        # A short write: the disk is nearly full, or a signal arrived. The next write shows which.
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]

    def utime(self, path: str) -> None:
        """Set the time of the last change to now."""
        os.utime(path)

    def exists(self, path: str) -> bool:
        try:
            self.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def sync_folder(self, path: str) -> None:
        """Make the names in a folder durable."""
        fd = self.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.fsync(fd)
        finally:
            self.close(fd)
