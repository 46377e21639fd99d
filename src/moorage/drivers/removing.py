"""Removing files and folders into which others may be writing."""

from __future__ import annotations

import contextlib
import errno
import os
import stat as modes

from moorage.drivers.base import Matches
from moorage.drivers.disk import Disk
from moorage.drivers.folders import ATTEMPTS, Folders
from moorage.drivers.small import FILE_BYTES
from moorage.drivers.staging import temporary_path

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Removing:
    """Methods take real paths and raise OSError."""

    def __init__(self, disk: Disk, folders: Folders, root: str) -> None:
        self._disk = disk
        self._folders = folders
        self._root = root

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with everything in it."""
        try:
            self._disk.unlink(path)
        except IsADirectoryError:
            self._remove_folder(path)
        except PermissionError:
            # POSIX allows this error for folders, too. For a file it is a real one: the file is still there.
            if not modes.S_ISDIR(self._disk.stat(path, follow_symlinks=False).st_mode):
                raise
            self._remove_folder(path)

    def take_away(self, path: str, matches: Matches) -> bool:
        """Remove a small file if its content matches; return whether it did.

        The file may be replaced at any moment, so it is moved aside before it is read. If it does not match, it goes back,
        unless an even newer one is there by then.
        """
        aside = temporary_path(self._root)
        self._folders.make(os.path.dirname(aside))
        self._disk.rename(path, aside)
        matched = False
        try:
            matched = matches(self._read(aside))
        finally:
            if matched:
                self._disk.unlink(aside)
            else:
                self._put_back(aside, path)
        return matched

    def _put_back(self, aside: str, path: str) -> None:
        try:
            self._folders.within(path, lambda: self._disk.link(aside, path))
        except FileExistsError:
            self._disk.unlink(aside)
        except OSError:
            # A file system without hard links.
            self._disk.rename(aside, path)
        else:
            self._disk.unlink(aside)
        self._disk.sync_folder(os.path.dirname(path))

    def remove_around(self, folder: str, kept: str) -> None:
        """Remove a folder with everything in it, but not the folder `kept` in it, nor what is above that one, unless it is
        empty."""
        for name in self._disk.listdir(folder):
            if (path := f"{folder}/{name}") != kept:
                with contextlib.suppress(FileNotFoundError):
                    self.remove(path)
        for path in (kept, folder):
            self._folders.forget(path)
            try:
                self._disk.rmdir(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                return

    def _remove_folder(self, folder: str) -> None:
        """If others keep writing into the folder, what they write counts as later, and stays."""
        self._folders.forget(folder)
        for _ in range(ATTEMPTS):
            for name in self._disk.listdir(folder):
                with contextlib.suppress(FileNotFoundError):
                    self.remove(f"{folder}/{name}")
            try:
                return self._disk.rmdir(folder)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise

    def _read(self, path: str) -> bytes:
        fd = self._disk.open(path, _READ)
        try:
            return self._disk.read(fd, FILE_BYTES)
        finally:
            self._disk.close(fd)
