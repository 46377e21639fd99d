"""The size of a complete file, recorded with it, so that a file which loses bytes later is not served as whole."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from moorage.drivers.base import Damaged
from moorage.drivers.disk import Disk
from moorage.drivers.small import Version, version

ATTRIBUTE: Final = "user.moorage.size"

KNOWN_LIMIT: Final = 65_536
"""How many files are remembered with their recorded size; it is not read again while they do not change."""


class Sizes:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._known: dict[str, tuple[Version, bytes]] = {}

    def record(self, file: str | int, size: int) -> None:
        """Raises OSError, also where the file system has no extended attributes."""
        self._disk.setxattr(file, ATTRIBUTE, b"%d" % size)

    def check(self, file: str | int, path: str, found: os.stat_result) -> None:
        """Raise Damaged for a file whose size is not the one that was recorded when it was complete.

        Files written by other programs, and files on file systems without extended attributes, have no record and pass.
        """
        recorded = self.recorded(file, path, found)
        if recorded and recorded != b"%d" % found.st_size:
            raise Damaged(path, f"damaged: has {found.st_size} bytes and should have {recorded.decode()}")

    def recorded(self, file: str | int, path: str, found: os.stat_result) -> bytes:
        """The recorded size as decimal digits; empty without a record."""
        current = version(found)
        known, recorded = self._known.get(path, (None, b""))
        if known != current:
            try:
                recorded = self._disk.getxattr(file, ATTRIBUTE)
            except OSError:
                recorded = b""
            self._remember(path, current, recorded)
        return recorded

    def settle(self, fd: int, path: str, size: int) -> None:
        """Record the size of a file that had no record. Where none can be kept with the file, this process remembers it while the file
        does not change."""
        with contextlib.suppress(OSError):
            self.record(fd, size)
        # Not from before: recording changes the version.
        self._remember(path, version(self._disk.fstat(fd)), b"%d" % size)

    def _remember(self, path: str, current: Version, recorded: bytes) -> None:
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        self._known[path] = current, recorded
