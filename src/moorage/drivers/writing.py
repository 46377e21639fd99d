"""Small files and verified uploads get their names, so that a power cut leaves each as it was or as it is to be."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from moorage.drivers.base import DriverError, InvalidPath, Obstructed
from moorage.drivers.disk import READ, Disk
from moorage.drivers.files import REFUSED, translate_change
from moorage.drivers.folders import Changed, Folders, Seen
from moorage.drivers.obstacles import BelowAFile, in_the_way, is_folder
from moorage.drivers.sizes import Sizes
from moorage.drivers.staging import TEMPORARY, Staging

File: TypeAlias = tuple[str, bytes]
"""The path of a small file, and what is in it."""

OWN: Final = os.path.dirname(TEMPORARY)
"""Below the root: what belongs to this driver alone."""

_NO_FOLDER: Final = errno.ENOENT, errno.ENOTDIR, errno.ELOOP

ATTEMPTS: Final = 10
"""So often files are written again that are removed at once. Whoever goes on removing them comes last."""


class Writing:
    """Methods take the driver's paths, and raise DriverError. `read` returns the content of a small file."""

    def __init__(
        self, disk: Disk, folders: Folders, sizes: Sizes, root: str, read: Callable[[str], bytes]
    ) -> None:
        self._disk = disk
        self._folders = folders
        self._sizes = sizes
        self._root = root
        self._read = read

    def write(self, stages: Sequence[Sequence[File]]) -> None:
        """See `Driver.write`."""
        files = [file for stage in stages for file in stage]
        try:
            self._write_stages(stages)
            self._until_there(files, lambda lost: self._write_stages([lost]))
        except OSError as error:
            raise self._failed(error, next((path for path, _ in files), "")) from None

    def _until_there(self, files: Sequence[File], write: Callable[[Sequence[File]], None]) -> None:
        """Write those again that somebody has removed meanwhile. All are looked at again after each time: who has removed one was about to
        remove those that lead to it, too."""
        for _ in range(ATTEMPTS):
            lost = [(path, data) for path, data in files if not self._disk.exists(self._root + path)]
            if not lost:
                return
            write(lost)

    def _write_stages(self, stages: Sequence[Sequence[File]]) -> None:
        with Staging(self._disk, self._folders, self._root) as staging:
            prepared = []
            for files in stages:
                changed = Changed()
                prepared.append((*self._stage(staging, files, changed), changed))
            staging.sync()
            there: list[File] = []
            later = [changed for _, _, changed in prepared]
            for staged, found, changed in prepared:
                staging.publish(len(staged), changed)
                there += found
                self._replace(staging, there, changed)
                there += staged
                self._folders.sync(changed, later := later[1:])

    def move(self, source: str, target: str, files: Sequence[File]) -> None:
        """Give a complete file its final name, then make `files` visible. See `Driver.move`."""
        full_source, full_target = self._root + source, self._root + target
        try:
            with Staging(self._disk, self._folders, self._root) as staging:
                changed = Changed()
                staged, found = self._stage(staging, files, changed)
                self._finish(source)
                staging.sync()
                folder = os.path.dirname(full_target)
                changed[folder] = self._folders.make(folder)
                staging.rename(full_source, full_target, changed)
                staging.publish(len(staged), changed)
                self._replace(staging, found, changed)
                self._folders.sync(changed)
        except OSError as error:
            raise self._failed(error, source) from None

    def _failed(self, error: OSError, path: str) -> DriverError:
        """The error of a change, of the file or folder that the kernel names, or else of `path`; or of what is in its way."""
        named = error.filename if isinstance(error.filename, str) else ""
        if named.startswith(f"{self._root}/{OWN}/") and error.errno in _NO_FOLDER:
            # Not the client's path, which it would be told is unknown.
            return DriverError(f"/{OWN}", f"{error.strerror}: it has to be a folder")
        if named.startswith(f"{self._root}/{TEMPORARY}"):
            if error.errno in REFUSED:
                path = f"/{TEMPORARY}"
        elif named.startswith(f"{self._root}/"):
            path = named.removeprefix(self._root)
        return in_the_way(self._disk, self._root, path, translate_change(error, path))

    def _stage(
        self, staging: Staging, files: Iterable[File], changed: Changed
    ) -> tuple[list[File], list[File]]:
        """Stage the files that do not have that content already. Returns them, and then those that do. Their folders are made."""
        staged: list[File] = []
        found: list[File] = []
        for path, data in files:
            try:
                there = self._has(staging, path, data, changed)
                if not there:
                    staging.add(self._root + path, data)
            except OSError as error:
                raise self._failed(error, path) from None
            (found if there else staged).append((path, data))
        return staged, found

    def _has(self, staging: Staging, path: str, data: bytes, changed: Changed) -> bool:
        """Whether a file is there with that content; its folder is made if need be.

        The folders are synced in any case: the writer of the same content may not have synced them yet. The file's time is set, so
        that the newest link in the history of a tag is that of the last push. A file that cannot be read is replaced. What cannot be
        replaced is told before anything is changed: a part of a write would be in place then, and its caller would not know.
        """
        full = self._root + path
        folder = os.path.dirname(full)
        changed[folder] = self._make(folder, staging.seen)
        if staging.seen.get(folder):
            return False
        try:
            if self._read(path) != data:
                return False
        except InvalidPath:
            raise
        except BelowAFile as error:
            raise in_the_way(self._disk, self._root, path, error) from None
        except Obstructed:
            if is_folder(self._disk, full):
                raise
            return False
        except DriverError:
            return False
        with contextlib.suppress(OSError):
            self._disk.utime(full)
        return True

    def _make(self, folder: str, seen: Seen) -> list[str]:
        return self._folders.make(folder, seen)

    def _replace(self, staging: Staging, files: Iterable[File], changed: Changed) -> None:
        """Write the files again that were removed since they were published, or seen to be there: syncing takes a while."""
        lost = [(path, data) for path, data in files if not self._disk.exists(self._root + path)]
        staged, _ = self._stage(staging, lost, changed)
        if staged:
            staging.sync()
            staging.publish(len(staged), changed)

    def _finish(self, path: str) -> None:
        """Record the size of a complete file with it, and make both durable. A file that cannot be synced is removed: the kernel
        drops what it could not write, and a second sync would succeed without it."""
        full = self._root + path
        try:
            fd = self._disk.open(full, READ)
            try:
                with contextlib.suppress(OSError):
                    self._sizes.record(full, self._disk.fstat(fd).st_size)
                self._disk.fsync(fd)
            except OSError:
                with contextlib.suppress(OSError):
                    self._disk.unlink(full)
                raise
            finally:
                self._disk.close(fd)
        except OSError as error:
            raise translate_change(error, path) from None
