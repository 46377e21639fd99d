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

READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How to open a file to read it. Opening a pipe would wait for somebody who writes to it; to files the last flag means nothing."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def _syncfs(fd: int) -> None:
    """Make everything durable that the file system of a descriptor has been told. Python has no such function; every C library on
    Linux has."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).syncfs(fd):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


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
    syncfs = staticmethod(_syncfs)

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
        fd = self.open(path, _FOLDER)
        try:
            self.fsync(fd)
        except OSError as error:
            error.filename = path
            raise
        finally:
            self.close(fd)


class OwnersDisk(Disk):
    """For root in a folder that belongs to somebody else: gives that owner the files and folders that it makes, so that a command of
    root's does not shut out a server that runs as the owner.

    The owner may exchange folders for links at any moment. So only what this process has just made is given away, and through its
    descriptor. Where root may not give files away, as in some containers, they stay root's.
    """

    def __init__(self, uid: int, gid: int) -> None:
        self._uid = uid
        self._gid = gid

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:  # type: ignore[override]
        if flags & os.O_CREAT:
            with contextlib.suppress(FileExistsError):
                return self._given(os.open(path, flags | os.O_EXCL, mode))
        return os.open(path, flags, mode)

    def mkdir(self, path: str, mode: int = 0o777) -> None:  # type: ignore[override]
        above, name = os.path.split(path)
        folder = os.open(above, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.mkdir(name, mode, dir_fd=folder)
            with contextlib.suppress(OSError):
                os.close(self._given(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)))
        finally:
            os.close(folder)

    def _given(self, fd: int) -> int:
        with contextlib.suppress(OSError):
            os.fchown(fd, self._uid, self._gid)
        return fd


def disk_at(root: str) -> Disk:
    """The system calls for a storage below the folder `root`, which need not be there yet."""
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            found = os.stat(root)
            if found.st_uid != 0:
                return OwnersDisk(found.st_uid, found.st_gid)
    return Disk()
