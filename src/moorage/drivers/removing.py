"""Removing files and folders into which others may be writing."""

from __future__ import annotations

import contextlib
import errno
import stat as modes

from moorage.drivers.disk import Disk
from moorage.drivers.folders import ATTEMPTS, Folders


class Removing:
    """Methods take real paths and raise OSError."""

    def __init__(self, disk: Disk, folders: Folders) -> None:
        self._disk = disk
        self._folders = folders

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
            try:
                return self._disk.rmdir(folder)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
            for name in self._disk.listdir(folder):
                with contextlib.suppress(FileNotFoundError):
                    self.remove(f"{folder}/{name}")
