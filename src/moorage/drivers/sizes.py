"""The size of a complete file, recorded with it, so that a file which loses bytes later is not served as whole."""

from __future__ import annotations

import os
from typing import Final

from moorage.drivers.base import Damaged
from moorage.drivers.disk import Disk
from moorage.drivers.small import Version, version

ATTRIBUTE: Final = "user.moorage.size"

CHECKED_LIMIT: Final = 65_536
"""How many files are remembered whose recorded size was checked; it is not read again while they do not change."""


class Sizes:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._checked: dict[str, Version] = {}

    def record(self, full: str, fd: int) -> None:
        """Raises OSError, also where the file system has no extended attributes."""
        self._disk.setxattr(full, ATTRIBUTE, b"%d" % self._disk.fstat(fd).st_size)

    def check(self, file: str | int, path: str, found: os.stat_result) -> None:
        """Raise Damaged for a file whose size is not the one that was recorded when it was complete.

        Files written by other programs, and files on file systems without extended attributes, have no record and pass.
        """
        current = version(found)
        if self._checked.get(path) == current:
            return
        try:
            recorded = self._disk.getxattr(file, ATTRIBUTE)
        except OSError:
            pass
        else:
            if recorded != b"%d" % found.st_size:
                raise Damaged(path, f"damaged: has {found.st_size} bytes and had {recorded.decode()}")
        if len(self._checked) >= CHECKED_LIMIT:
            self._checked.clear()
        self._checked[path] = current
