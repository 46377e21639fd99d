"""Crash-safe files on a local or mounted disk.

Small files are written whole: a temporary name, fsync, rename, fsync of the folder. An upload grows in place and
is moved to its final name once it has been verified. Its size is recorded with it, so that a file which loses
bytes later is not served as whole.

Reads of small files, and of pages that the kernel has in memory, happen on the event loop: they take a few
microseconds, and a trip to a thread and back takes a hundred. Everything that writes, syncs, lists or waits for a
device happens in worker threads.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import stat as modes
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ParamSpec, TypeVar

from moorage.drivers.base import (
    Damaged,
    DriverError,
    FileInfo,
    Judge,
    Matches,
    Part,
    PathBusy,
    Reader,
    StorageFull,
    Writer,
)
from moorage.drivers.disk import READ, Disk, disk_at
from moorage.drivers.files import FULL, FileReader, FileWriter, translate, translate_change, translate_listing
from moorage.drivers.folders import Folders, Removals
from moorage.drivers.inplace import InPlace
from moorage.drivers.journal.journal import JOURNAL
from moorage.drivers.journal.naming import naming_journal
from moorage.drivers.journal.writing import JournaledWriting
from moorage.drivers.obstacles import followed, in_the_way, require_file
from moorage.drivers.removing import Removing
from moorage.drivers.sizes import Sizes
from moorage.drivers.small import FILE_BYTES, SmallFiles, WholeFile
from moorage.drivers.staging import TEMPORARY, Staging, left_behind
from moorage.drivers.taking import Taking
from moorage.drivers.threads import Threads
from moorage.drivers.writing import File, Writing

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LEADER = ".moorage/leader"
"""Below the root. The process that holds the lock on this file does the periodic work."""

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FilesystemDriver(InPlace):
    """The driver for files. `root` is the folder that holds `docker/registry/v2`; `threads` limits the worker threads.

    `inline_reads=False` sends small reads to the threads too, for network file systems, where any read may wait.
    `removals` is shared with the other processes of the server. Other users may not enter `private`, a folder in the root.
    With `journaled`, small files are in a journal until they are durable in their places: for local file systems only.
    """

    name = "filesystem"

    def __init__(
        self,
        root: str,
        *,
        threads: int = 16,
        inline_reads: bool = True,
        disk: Disk | None = None,
        removals: Removals | None = None,
        private: str = "",
        journaled: bool = False,
    ) -> None:
        self.root = os.path.abspath(root)
        self._disk = disk or disk_at(self.root)
        self._folders = Folders(self._disk, self.root, removals, private and self.root + private)
        self._removing = Removing(self._disk, self._folders)
        self._taking = Taking(self._disk, self._folders, self._removing, self.root)
        self._inline = inline_reads
        self._sizes = Sizes(self._disk)
        parts = self._disk, self._folders, self._sizes, self.root, self._read
        # Also without a journal: what other servers have left in theirs is written back.
        journaled_writing = JournaledWriting(*parts)
        self._journal = journaled_writing.journal
        self._journaled = journaled
        self._writing = journaled_writing if journaled else Writing(*parts)
        self._small = SmallFiles()
        self._threads = Threads(threads)
        self._threaded = self._threads.call

    # Reading

    async def read(self, path: str) -> bytes:
        if not self._inline:
            return await self._threaded(self._read, path)
        kept = self._kept(path)
        return self._read(path, keep=True) if kept is None else kept

    async def stat(self, path: str) -> FileInfo:
        return self._stat(path) if self._inline else await self._threaded(self._stat, path)

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        if not self._inline:
            return await self._threaded(self._open, path)
        kept = self._kept(path)
        return self._open_at_hand(path) if kept is None else WholeFile(kept)

    async def children(self, path: str) -> list[str]:
        return await self._threaded(self._children, path)

    def _kept(self, path: str) -> bytes | None:
        if path not in self._small:
            return None
        try:
            found = self._disk.stat(self.root + path, follow_symlinks=False)
        except OSError:
            self._small.drop(path)
            return None
        return self._small.get(path, found)

    def _read(self, path: str, *, keep: bool = False) -> bytes:
        try:
            fd = self._disk.open(self.root + path, READ)
            try:
                # Before the read, so that a change in between is noticed by the next comparison.
                found = self._disk.fstat(fd)
                require_file(path, found)
                if keep:
                    self._sizes.check(fd, path, found)
                data = self._disk.read(fd, FILE_BYTES)
                if len(data) == FILE_BYTES:
                    parts = [data]
                    while part := self._disk.read(fd, 1 << 20):
                        parts.append(part)
                    data = b"".join(parts)
                if keep:
                    self._small.put(path, found, data)
                return data
            finally:
                self._disk.close(fd)
        except OSError as error:
            raise translate(error, path) from None

    def _stat(self, path: str) -> FileInfo:
        full = self.root + path
        try:
            found = self._disk.stat(full, follow_symlinks=False)
            if modes.S_ISLNK(found.st_mode):
                found = followed(self._disk, self.root, path)
            if modes.S_ISDIR(found.st_mode):
                return FileInfo(0, found.st_mtime, is_folder=True)
            require_file(path, found)
            self._sizes.check(full, path, found)
        except OSError as error:
            raise translate(error, path) from None
        return FileInfo(found.st_size, found.st_mtime)

    def _open(self, path: str) -> FileReader:
        try:
            fd = self._disk.open(self.root + path, READ)
        except OSError as error:
            raise translate(error, path) from None
        try:
            found = self._disk.fstat(fd)
            require_file(path, found)
            self._sizes.check(fd, path, found)
        except BaseException:
            self._disk.close(fd)
            raise
        return FileReader(self._disk, self._threads, fd, path, found, inline=self._inline)

    def _open_at_hand(self, path: str) -> Reader:
        """Open a file, and read it at once if it is small and the kernel has it in memory."""
        reader = self._open(path)
        if reader.size > FILE_BYTES:
            return reader
        buffer = bytearray(reader.size)
        try:
            if reader.at_hand(buffer, 0) != reader.size:
                return reader
        except DriverError:
            reader.close()
            raise
        reader.close()
        data = bytes(buffer)
        self._small.put(path, reader.found, data)
        return WholeFile(data)

    def _children(self, path: str) -> list[str]:
        try:
            return sorted(self._disk.listdir(self.root + path))
        except OSError as error:
            raise translate_listing(error, path) from None

    async def attest(self, path: str, size: int, judge: Judge) -> None:
        """Records the size that the file has if it is right, and otherwise the one that is expected of it, which it does not have."""
        reader = await self._threaded(self._open, path)
        try:
            has = reader.size
            if has == size or self._sizes.recorded(reader.descriptor, path, reader.found):
                return
            right = await judge(reader)
            await self._threaded(self._sizes.settle, reader.descriptor, path, has if right else size)
        finally:
            reader.close()
        if not right:
            self._small.drop(path)
            raise Damaged(
                path, f"damaged: has {has} bytes, which are not the right ones; {size} are expected"
            )

    # Writing

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        await self._change(self._write, [list(files) for files in stages])

    async def begin(self, path: str, data: bytes, file: str) -> str:
        await self._change(self._begin, path, data, file)
        return ""

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        return await self._change(self._writer, path, begun)

    async def move(
        self,
        source: str,
        target: str,
        files: Iterable[tuple[str, bytes]] = (),
        *,
        mark: str = "",
        remove: Sequence[str] = (),
    ) -> None:
        await self._change(self._move, source, target, list(files), remove)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        await self._change(self._delete, path, durable)

    async def delete_matching(self, folder: str, path: str, matches: Matches) -> bool:
        return await self._change(self._delete_matching, folder, path, matches)

    async def _change(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def change() -> T:
            self._recover()
            return function(*args, **kwargs)

        return await self._threaded(change)

    def _write(self, stages: Sequence[Sequence[File]]) -> None:
        self._writing.write(stages)
        if not self._journaled:
            # Another server of the tree may have in its journal what these files were before.
            with naming_journal():
                self._journal.settle()

    def _begin(self, path: str, data: bytes, file: str) -> None:
        full, folder = self.root + path, self.root + os.path.dirname(path)
        try:
            # Other users may not enter it: whoever can open a file can lock it, and so stop an upload.
            with contextlib.suppress(FileExistsError):
                self._folders.within(folder, lambda: self._disk.mkdir(folder, 0o770))
            fd = self._disk.open(full, _APPEND | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                self._disk.write(fd, [data])
            finally:
                self._disk.close(fd)
            self._disk.close(self._disk.open(self.root + file, _APPEND | os.O_CREAT | os.O_EXCL, 0o666))
        except OSError as error:
            raise in_the_way(self._disk, self.root, path, translate_change(error, path)) from None

    def _writer(self, path: str, begun: bool) -> Writer:
        full = self.root + path
        try:
            if begun:
                fd = self._disk.open(full, _APPEND)
            else:
                fd = self._folders.within(full, lambda: self._disk.open(full, _APPEND | os.O_CREAT, 0o666))
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = self._disk.fstat(fd)
                require_file(path, found)
                # The file may have become a blob between open and lock; writing to it would corrupt the blob.
                if self._disk.stat(full).st_ino != found.st_ino:
                    raise FileNotFoundError(errno.ENOENT, "moved away")
            except BaseException as error:
                self._disk.close(fd)
                # Shared folders of Windows answer EACCES then.
                if isinstance(error, BlockingIOError | PermissionError):
                    raise PathBusy(path) from None
                raise
        except OSError as error:
            failed = translate_change(error, path)
            raise (failed if begun else in_the_way(self._disk, self.root, path, failed)) from None
        return FileWriter(self._disk, self._threads, fd, path, found.st_size)

    def _move(self, source: str, target: str, files: Sequence[File], remove: Sequence[str]) -> None:
        self._writing.move(source, target, files)
        for path in remove:
            # The purging of uploads removes what is left.
            with contextlib.suppress(OSError):
                self._removing.remove(self.root + path)

    def _delete(self, path: str, durable: bool) -> None:
        full = self.root + path
        try:
            with self._removing_in_peace():
                self._removing.remove(full)
            if durable:
                self._removed_from(os.path.dirname(full))
        except OSError as error:
            raise translate_change(error, path) from None

    def _delete_matching(self, folder: str, path: str, matches: Matches) -> bool:
        try:
            with self._removing_in_peace():
                if not self._taking.take(self.root + path, matches):
                    return False
                self._removing.remove_around(self.root + folder, self.root + os.path.dirname(path))
            self._removed_from(os.path.dirname(self.root + folder))
        except OSError as error:
            raise translate_change(error, path) from None
        return True

    @contextlib.contextmanager
    def _removing_in_peace(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            with naming_journal():
                stack.enter_context(self._journal.removing())
            yield

    def _removed_from(self, folder: str) -> None:
        self._folders.removed()
        self._disk.sync_folder(folder)
        # What was removed may have been written a moment ago.
        with naming_journal():
            self._journal.settle()

    # Life

    def prepare(self, *, read_only: bool = False) -> int:
        """Make the root if need be, check that it is writable, remove the temporary files of processes that are gone, and put
        back what they had taken away. With `read_only`, only check that the root can be listed. A disk without room is only
        logged. Returns the number of files removed. Raises DriverError naming the folder."""
        try:
            if read_only:
                self._disk.listdir(self.root)
                if self.left_behind():
                    log.warning(
                        "what was pushed last before a kill or a power cut may be missing: "
                        "start once without read-only mode, or run a command that changes something",
                        extra={"path": f"{self.root}/{JOURNAL}"},
                    )
                return 0
            self._folders.make(f"{self.root}/{TEMPORARY}")
            self._recover()
            with contextlib.suppress(StorageFull), naming_journal():
                self._journal.settle()
            with Staging(self._disk, self._folders, self.root) as staging:
                staging.add("", b"")
                staging.sync()
            self._taking.put_back_left()
            gone = left_behind(self._disk, self.root)
            for path in gone:
                with contextlib.suppress(FileNotFoundError):
                    self._disk.unlink(path)
        except OSError as error:
            if error.errno not in FULL:
                named = error.filename if error.errno in (errno.ENOTDIR, errno.ENOENT, errno.ELOOP) else None
                raise DriverError(named or self.root, error.strerror or str(error)) from None
            log.warning("storage is full: pulls go on, pushes fail", extra={"path": self.root})
            return 0
        return len(gone)

    def left_behind(self) -> bool:
        """Whether what was acknowledged last may be in the journal alone: of a server that is gone. Raises OSError."""
        return self._journal.left_behind()

    def _recover(self) -> None:
        """Nothing may be changed before, nor served by a server: what was acknowledged may be in the journal alone."""
        if not self._journal.recovered:
            with naming_journal():
                self._journal.recover()

    async def close(self) -> None:
        try:
            await self._threaded(self._journal.close)
        finally:
            self._threads.close()
