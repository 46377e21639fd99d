"""Small files and small verified uploads, with one sync for each write: their bytes and names are in the journal first."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat as modes
from collections.abc import Callable, Sequence
from typing import Final

from moorage.drivers.base import DriverError, InvalidPath, Obstructed, StorageFull, WriteRefused
from moorage.drivers.disk import READ, Disk
from moorage.drivers.files import FULL, translate
from moorage.drivers.folders import Changed, Folders, Seen
from moorage.drivers.journal.journal import LIMIT, SECONDS, Journal
from moorage.drivers.journal.records import Entry
from moorage.drivers.sizes import Sizes
from moorage.drivers.staging import Staging
from moorage.drivers.writing import File, Writing

log = logging.getLogger(__name__)

SMALL: Final = 256 << 10
"""Uploads of more bytes are synced where they are: writing them twice would cost more than it saves."""


class JournaledWriting(Writing):
    """See `Writing`. The same files get the same names in the same order; only their syncs are others."""

    def __init__(
        self,
        disk: Disk,
        folders: Folders,
        sizes: Sizes,
        root: str,
        read: Callable[[str], bytes],
        *,
        limit: int = LIMIT,
        seconds: float | None = SECONDS,
    ) -> None:
        super().__init__(disk, folders, sizes, root, read)
        self._direct = Writing(disk, folders, sizes, root, read)
        self.journal = Journal(disk, folders, root, self._restore, limit=limit, seconds=seconds)

    def write(self, stages: Sequence[Sequence[File]]) -> None:
        files = [file for stage in stages for file in stage]
        # What comes first is found by its digest: its content is always the same, and nobody has to wait for another's sync.
        last = [path for path, _ in stages[-1]] if stages else []
        self._with_room(next((path for path, _ in files), ""), lambda: self._write_until_there(files, last))

    def move(self, source: str, target: str, files: Sequence[File]) -> None:
        data = self._small(source)
        if data is None:
            # No settling: of these paths the journal can only hold the same.
            self._direct.move(source, target, files)
        else:
            moved = Entry(target, data, whole=True)
            self._with_room(source, lambda: self._move(source, moved, files))

    def _with_room(self, path: str, action: Callable[[], None]) -> None:
        """What the journal itself takes may be the room that is missing."""
        try:
            try:
                action()
            except StorageFull:
                pass
            except OSError as error:
                if error.errno not in FULL:
                    raise
            else:
                return
            self.journal.settle()
            action()
        except OSError as error:
            raise self._failed(error, path) from None

    def _write(self, files: Sequence[File], last: Sequence[str]) -> None:
        turn = self.journal.turns.of(last)
        # Its turn begins before it looks which files have that content already.
        with turn, Staging(self._disk, self._folders, self._root) as staging:
            replaced = {path: self._times(path) for path in last}
            self._stage(staging, files, Changed())
            staging.close()
            entries = [Entry(path, data, replaced=replaced.get(path, ())) for path, data in files]
            with self.journal.written(entries):
                staging.publish()

    def _move(self, source: str, moved: Entry, files: Sequence[File]) -> None:
        with Staging(self._disk, self._folders, self._root) as staging:
            self._folders.known(os.path.dirname(self._root + moved.path), staging.seen)
            self._stage(staging, files, Changed())
            staging.close()
            with self.journal.written([moved, *(Entry(path, data) for path, data in files)]):
                staging.rename(self._root + source, self._root + moved.path)
                staging.publish()
        self._write_lost(files, [])

    def _write_until_there(self, files: Sequence[File], last: Sequence[str]) -> None:
        self._write(files, last)
        self._write_lost(files, last)

    def _write_lost(self, files: Sequence[File], last: Sequence[str]) -> None:
        """Write files again that were removed since they got their names: whoever removed them has dropped what the journal held of
        them."""
        self._until_there(files, lambda lost: self._write(lost, last))

    def _make(self, folder: str, seen: Seen) -> list[str]:
        self._folders.known(folder, seen)
        return []

    def _restore(self, entries: Sequence[Entry], *, since: int | None = None) -> int:
        """Write entries of the journal again. What cannot be written because something else is there by now is only logged."""
        count = 0
        for entry in entries:
            full = self._root + entry.path
            try:
                if since is None or not (self._holds(entry) or self._is_newer(full, since, entry)):
                    count += 1
                    with Staging(self._disk, self._folders, self._root) as staging:
                        self._folders.make(os.path.dirname(full))
                        staging.add(full, entry.data)
                        staging.close()
                        staging.publish()
                if entry.whole:
                    with contextlib.suppress(OSError):
                        self._sizes.record(full, len(entry.data))
            except OSError as error:
                failed = self._failed(error, entry.path)
                if error.errno != errno.EXDEV and not isinstance(failed, Obstructed | InvalidPath):
                    # It is not the change of whoever settles the journal that is refused, nor is it lost: it stays in the journal.
                    other = DriverError(failed.path, failed.reason)
                    raise (other if isinstance(failed, WriteRefused) else failed) from None
                log.error(
                    "cannot be restored from the journal",
                    extra={"path": failed.path, "reason": failed.reason},
                )
        return count

    def _holds(self, entry: Entry) -> bool:
        """Whether the tree has it. Not to write it saves room: some file systems give the old file's back only some seconds later."""
        try:
            return self._read(entry.path) == entry.data
        except DriverError:
            return False

    def _is_newer(self, full: str, since: int, entry: Entry) -> bool:
        """Whether another program has written the file since, which knows nothing of the journal."""
        try:
            found = self._disk.stat(full, follow_symlinks=False)
        except OSError:
            return False
        time = found.st_mtime_ns
        return modes.S_ISREG(found.st_mode) and time > since and time not in entry.replaced

    def _times(self, path: str) -> tuple[int, ...]:
        """Of the file that is about to be replaced, if there is one."""
        try:
            return (self._disk.stat(self._root + path, follow_symlinks=False).st_mtime_ns,)
        except OSError:
            return ()

    def _small(self, path: str) -> bytes | None:
        """The content of a small upload, whose size has been recorded with it then; None of a larger one."""
        try:
            fd = self._disk.open(self._root + path, READ)
            try:
                size = self._disk.fstat(fd).st_size
                if size > SMALL:
                    return None
                with contextlib.suppress(OSError):
                    self._sizes.record(fd, size)
                return self._disk.read(fd, size)
            finally:
                self._disk.close(fd)
        except OSError as error:
            raise translate(error, path) from None
