"""Files on a local disk (or a mounted one), crash safe.

Small files are written whole: a temporary name, fsync, rename, fsync of the folder. An upload grows in place and
is moved to its final name when it has been verified; its size is recorded with it, so that a file which lost
bytes later is not served as whole.

Reads of small files, and of pages that the kernel has at hand, happen on the event loop: they take a few
microseconds, and a hop to a thread and back takes a hundred. All that writes, syncs, lists or waits for a
device happens in worker threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import secrets
import stat as modes
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from moorage.drivers.base import (
    Damaged,
    DriverError,
    FileInfo,
    PathBusy,
    PathNotFound,
    Reader,
    Writer,
)
from moorage.drivers.disk import Disk
from moorage.drivers.files import FileReader, FileWriter, translate
from moorage.drivers.folders import ATTEMPTS, Folders

P = ParamSpec("P")
T = TypeVar("T")

TEMPORARY = ".moorage/tmp"
"""Below the root: files that are being written. Whatever a crash left there is removed at start."""

SIZE_ATTRIBUTE = "user.moorage.size"
ABANDONED_SECONDS = 3600.0
"""A temporary of another machine or container that old is nobody's."""

LEADER = ".moorage/leader"
"""Below the root: whoever locks this file does the periodic work on it."""

CHECKED_LIMIT = 65_536
"""Files whose record is not read again while they do not change."""

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_SMALL = 64 * 1024


class FilesystemDriver:
    """`root` is the folder that holds `docker/registry/v2`; `threads` bounds the worker threads.

    `inline_reads=False` sends small reads to the threads too: for network file systems, where any of them
    may wait.
    """

    name = "filesystem"

    def __init__(
        self, root: str, *, threads: int = 16, inline_reads: bool = True, disk: Disk | None = None
    ) -> None:
        self.root = os.path.abspath(root)
        self._disk = disk or Disk()
        self._folders = Folders(self._disk, self.root)
        self._inline = inline_reads
        self._checked: dict[str, tuple[int, int, int]] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="storage")

    # Reading

    async def read(self, path: str) -> bytes:
        return self._read(path) if self._inline else await self._threaded(self._read, path)

    async def stat(self, path: str) -> FileInfo:
        return self._stat(path) if self._inline else await self._threaded(self._stat, path)

    async def open(self, path: str) -> Reader:
        return self._open(path) if self._inline else await self._threaded(self._open, path)

    async def children(self, path: str) -> list[str]:
        return await self._threaded(self._children, path)

    def _read(self, path: str) -> bytes:
        try:
            fd = self._disk.open(self.root + path, _READ)
            try:
                data = self._disk.read(fd, _SMALL)
                if len(data) == _SMALL:
                    parts = [data]
                    while part := self._disk.read(fd, 1 << 20):
                        parts.append(part)
                    data = b"".join(parts)
                return data
            finally:
                self._disk.close(fd)
        except OSError as error:
            raise translate(error, path) from None

    def _stat(self, path: str) -> FileInfo:
        full = self.root + path
        try:
            found = self._disk.stat(full, follow_symlinks=False)
            if modes.S_ISDIR(found.st_mode):
                return FileInfo(0, found.st_mtime, is_folder=True)
            if not modes.S_ISREG(found.st_mode):
                raise PathNotFound(path, "not a regular file")
            self._check_size(full, path, found)
        except OSError as error:
            raise translate(error, path) from None
        return FileInfo(found.st_size, found.st_mtime)

    def _open(self, path: str) -> Reader:
        try:
            fd = self._disk.open(self.root + path, _READ)
        except OSError as error:
            raise translate(error, path) from None
        try:
            found = self._disk.fstat(fd)
            if not modes.S_ISREG(found.st_mode):
                raise PathNotFound(path, "not a regular file")
            self._check_size(fd, path, found)
        except BaseException:
            self._disk.close(fd)
            raise
        return FileReader(self._disk, self._pool, fd, path, found.st_size, inline=self._inline)

    def _check_size(self, file: str | int, path: str, found: os.stat_result) -> None:
        """Raises PathNotFound for a file that is not as long as it was when it was complete. Files written by
        others, and on file systems without extended attributes, have no record and pass."""
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._checked.get(path) == version:
            return
        try:
            recorded = self._disk.getxattr(file, SIZE_ATTRIBUTE)
        except OSError:
            pass
        else:
            if recorded != b"%d" % found.st_size:
                raise Damaged(path, f"damaged: has {found.st_size} bytes and had {recorded.decode()}")
        if len(self._checked) >= CHECKED_LIMIT:
            self._checked.clear()
        self._checked[path] = version

    def _children(self, path: str) -> list[str]:
        try:
            return sorted(self._disk.listdir(self.root + path))
        except OSError as error:
            raise translate(error, path) from None

    # Writing

    async def write(self, files: Iterable[tuple[str, bytes]]) -> None:
        await self._threaded(self._write, list(files))

    async def touch(self, path: str, data: bytes) -> None:
        await self._threaded(self._touch, path, data)

    async def writer(self, path: str) -> Writer:
        return await self._threaded(self._writer, path)

    async def move(self, source: str, target: str) -> None:
        await self._threaded(self._move, source, target)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        await self._threaded(self._delete, path, durable)

    def _write(self, files: list[tuple[str, bytes]]) -> None:
        """All temporaries first, then the renames, then the folders: a power cut between any two steps leaves
        each target as it was or as it will be."""
        staged: list[tuple[str, str]] = []
        changed: dict[str, list[str]] = {}
        path = ""
        try:
            for path, data in files:
                folder = os.path.dirname(self.root + path)
                changed[folder] = self._folders.make(folder)
                if not self._same(path, data):
                    staged.append((self._stage(path, data), self.root + path))
            while staged:
                self._rename(*staged[0], changed)
                del staged[0]
            self._sync(changed)
        except OSError as error:
            raise translate(error, path) from None
        finally:
            for temporary, _ in staged:
                with contextlib.suppress(OSError):
                    self._disk.unlink(temporary)

    def _same(self, path: str, data: bytes) -> bool:
        try:
            return self._read(path) == data
        except PathNotFound:
            return False

    def _stage(self, path: str, data: bytes) -> str:
        """A synced temporary file with the data; nothing is left behind when that fails."""
        temporary = f"{self.root}/{TEMPORARY}/{OWNER}-{os.getpid()}-{secrets.token_hex(8)}"
        fd = self._with_folder(temporary, lambda: self._disk.open(temporary, _CREATE, 0o666))
        try:
            try:
                self._disk.write(fd, [data])
                self._disk.fsync(fd)
            finally:
                self._disk.close(fd)
        except BaseException:
            with contextlib.suppress(OSError):
                self._disk.unlink(temporary)
            raise
        return temporary

    def _with_folder(
        self, target: str, action: Callable[[], T], changed: dict[str, list[str]] | None = None
    ) -> T:
        """Do it; if the folder is not there (another process removes what it finds empty), make it and do it
        again. Folders made so are added to `changed`."""
        folder = os.path.dirname(target)
        for _ in range(ATTEMPTS):
            try:
                return action()
            except FileNotFoundError:
                self._folders.forget(folder)
                made = self._folders.make(folder)
                if changed is not None:
                    changed.setdefault(folder, []).extend(made)
        return action()

    def _rename(self, temporary: str, target: str, changed: dict[str, list[str]]) -> None:
        self._with_folder(target, lambda: self._disk.rename(temporary, target), changed)

    def _sync(self, changed: dict[str, list[str]]) -> None:
        """Sync the changed folders and the parents of the folders not known to be durable (the values), the
        deepest first. One that is gone again was removed after our write, as if that had come later."""
        unsettled = dict.fromkeys(folder for fresh in changed.values() for folder in fresh)
        wanted = {*changed, *(os.path.dirname(folder) for folder in unsettled)}
        for folder in sorted(wanted, key=len, reverse=True):
            try:
                self._disk.sync_folder(folder)
            except FileNotFoundError:
                unsettled.clear()
        self._folders.settle(unsettled)

    def _touch(self, path: str, data: bytes) -> None:
        full = self.root + path
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            # The folder is new nearly every time, so it is made before its lack is noticed.
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                self._disk.mkdir(os.path.dirname(full), 0o777)
            fd = self._with_folder(full, lambda: self._disk.open(full, flags, 0o666))
            try:
                self._disk.write(fd, [data])
            finally:
                self._disk.close(fd)
        except OSError as error:
            raise translate(error, path) from None

    def _writer(self, path: str) -> Writer:
        full = self.root + path
        try:
            fd = self._with_folder(full, lambda: self._disk.open(full, _APPEND, 0o666))
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = self._disk.fstat(fd)
                # The file may have become a blob between open and lock; to write to it then would be fatal.
                if self._disk.stat(full).st_ino != found.st_ino:
                    raise FileNotFoundError(errno.ENOENT, "moved away")
            except BaseException as error:
                self._disk.close(fd)
                if isinstance(error, BlockingIOError):
                    raise PathBusy(path) from None
                raise
        except OSError as error:
            raise translate(error, path) from None
        return FileWriter(self._disk, self._pool, fd, path, found.st_size)

    def _move(self, source: str, target: str) -> None:
        full_source, full_target = self.root + source, self.root + target
        try:
            fd = self._disk.open(full_source, _READ)
            try:
                with contextlib.suppress(OSError):
                    size = self._disk.fstat(fd).st_size
                    self._disk.setxattr(full_source, SIZE_ATTRIBUTE, b"%d" % size)
                self._disk.fsync(fd)
            finally:
                self._disk.close(fd)
            folder = os.path.dirname(full_target)
            changed = {folder: self._folders.make(folder)}
            self._rename(full_source, full_target, changed)
            self._sync(changed)
        except OSError as error:
            raise translate(error, source) from None

    def _delete(self, path: str, durable: bool) -> None:
        full = self.root + path
        try:
            self._delete_any(full)
            if durable:
                self._disk.sync_folder(os.path.dirname(full))
        except OSError as error:
            raise translate(error, path) from None

    def _delete_any(self, full: str) -> None:
        try:
            self._disk.unlink(full)
        except (IsADirectoryError, PermissionError):
            self._delete_folder(full)

    def _delete_folder(self, folder: str) -> None:
        """Others may write into the folder meanwhile: what they go on writing came after the deletion, and stays."""
        self._folders.forget(folder)
        for _ in range(ATTEMPTS):
            for name in self._disk.listdir(folder):
                with contextlib.suppress(FileNotFoundError):
                    self._delete_any(f"{folder}/{name}")
            try:
                return self._disk.rmdir(folder)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise

    # Life

    def prepare(self, *, read_only: bool = False) -> int:
        """Make the root if need be, see that it can be written to, and remove the temporaries of processes that
        are gone; how many. Raises DriverError naming the folder."""
        folder = f"{self.root}/{TEMPORARY}"
        try:
            if read_only:
                self._disk.listdir(self.root)
                return 0
            self._folders.make(folder)
            self._disk.unlink(self._stage("", b""))
            gone = [name for name in self._disk.listdir(folder) if self._is_left_behind(folder, name)]
            for name in gone:
                self._disk.unlink(f"{folder}/{name}")
        except OSError as error:
            raise DriverError(self.root, error.strerror or str(error)) from None
        return len(gone)

    def _is_left_behind(self, folder: str, temporary: str) -> bool:
        """Its writer is known to be gone, or it is older than any writing takes."""
        owner, _, rest = temporary.partition("-")
        pid = rest.partition("-")[0]
        if owner == OWNER and pid.isdigit():
            return not os.path.exists(f"/proc/{pid}")
        return self._disk.stat(f"{folder}/{temporary}").st_mtime < time.time() - ABANDONED_SECONDS

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=False)

    async def _threaded(self, function: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)


def _owner() -> str:
    """This run of this machine and its process numbers; containers and other hosts have others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return "unknown"
    return f"{boot}.{space:x}"


OWNER = _owner()
