"""Removing a file only if it holds what is expected, while others may replace it at any moment.

No file system can do that at once. So the file is moved aside, looked at, and removed or given its name back. Aside it lies in a
folder that tells what was expected, so that after a death in between it is known which of the two to do.
"""

from __future__ import annotations

import logging
import os
from typing import Final

from moorage.drivers.base import Matches
from moorage.drivers.disk import READ, Disk
from moorage.drivers.folders import Changed, Folders
from moorage.drivers.removing import Removing
from moorage.drivers.small import FILE_BYTES
from moorage.drivers.staging import is_left_behind, temporary_path

log = logging.getLogger(__name__)

TAKEN: Final = ".moorage/taken"
"""Below the root: files that were taken away and are being looked at. Each has a folder, named after the process and the inode that was
to be taken, and is named after its path."""

LOOKING_SECONDS: Final = 1.0
"""At this age, a file that another machine or container has taken away is not looked at any more: that takes a moment."""

_SLASH: Final = ":"
"""What stands for a slash in the name of a file. No path of a driver has it."""

_NAME: Final = 200
"""Characters of a path that become one name. File systems take 255 bytes, some of them less."""


class Taking:
    """Methods take real paths and raise OSError."""

    def __init__(self, disk: Disk, folders: Folders, removing: Removing, root: str) -> None:
        self._disk = disk
        self._folders = folders
        self._removing = removing
        self._root = root
        self._taken = f"{root}/{TAKEN}"

    def take(self, path: str, matches: Matches) -> bool:
        """Remove a small file if its content matches; return whether it did.

        The file may be replaced at any moment, so it is moved aside before it is removed, and read both before and after. What
        took its place in between goes back, unless an even newer one is there by then. If this process dies before that,
        `put_back_left` does it.
        """
        self.put_back_left()
        fd = self._disk.open(path, READ)
        # Open while its inode is compared, so that no other file gets that inode.
        try:
            if not matches(self._disk.read(fd, FILE_BYTES)):
                return False
            name = os.path.basename(temporary_path(self._root))
            folder = f"{self._taken}/{name}-{self._disk.fstat(fd).st_ino}"
            aside = f"{folder}/{self._spelled(path)}"
            self._folders.make(os.path.dirname(aside))
            self._disk.rename(path, aside)
        finally:
            self._disk.close(fd)
        matched = False
        try:
            matched = matches(self._read(aside))
        finally:
            if not matched:
                self._put_back(aside, path)
            self._removing.remove(folder)
        return matched

    def put_back_left(self) -> None:
        """Give files their names back that processes took away and did not look at again before they died. What they had seen
        before, and meant to remove, stays away. Raises OSError if the folder of such files cannot be listed."""
        try:
            names = self._disk.listdir(self._taken)
        except FileNotFoundError:
            return
        for name in names:
            folder = f"{self._taken}/{name}"
            try:
                if is_left_behind(self._disk, folder, LOOKING_SECONDS):
                    self._settle(folder)
            except FileNotFoundError:
                # Another process has done it.
                continue
            except (OSError, ValueError) as error:
                log.warning(
                    "a file that was taken away could not be put back: move it to the path that it is named after",
                    extra={"path": folder, "reason": str(error)},
                )

    def _settle(self, folder: str) -> None:
        aside, inode = self._file_in(folder), int(folder.rpartition("-")[2])
        if aside and self._disk.stat(aside).st_ino != inode:
            self._put_back(aside, self._meant(aside.removeprefix(folder)))
        self._removing.remove(folder)

    def _spelled(self, path: str) -> str:
        """A path below the root as the name of a file, or of folders and a file where it is too long for one name."""
        text = path.removeprefix(self._root).replace("/", _SLASH)
        return "/".join(text[start : start + _NAME] for start in range(0, len(text), _NAME))

    def _meant(self, spelled: str) -> str:
        return self._root + spelled.replace("/", "").replace(_SLASH, "/")

    def _file_in(self, folder: str) -> str:
        """The only file below a folder; empty if there is none. Raises FileNotFoundError."""
        path = folder
        try:
            while names := self._disk.listdir(path):
                path = f"{path}/{names[0]}"
        except NotADirectoryError:
            return path
        return ""

    def _put_back(self, aside: str, path: str) -> None:
        changed: Changed = {os.path.dirname(path): []}
        try:
            self._folders.within(path, lambda: self._disk.link(aside, path), changed)
        except FileExistsError:
            pass
        except OSError:
            # A file system without hard links: here a newer file is replaced.
            self._folders.within(path, lambda: self._disk.rename(aside, path), changed)
        self._folders.sync(changed)

    def _read(self, path: str) -> bytes:
        fd = self._disk.open(path, READ)
        try:
            return self._disk.read(fd, FILE_BYTES)
        finally:
            self._disk.close(fd)
