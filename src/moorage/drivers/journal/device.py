"""Syncing the whole file system, and being told if it lost anything."""

from __future__ import annotations

import os
from typing import Final

from moorage.drivers.disk import Disk
from moorage.drivers.journal.held import Held

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Device:
    """The file system that a folder is on.

    The kernel tells each descriptor once what it could not write since that was opened. One opened later is told nothing of what any
    other program's sync was told before. So the descriptor is opened before anything is written, and kept.
    """

    def __init__(self, disk: Disk, folder: str) -> None:
        self._disk = disk
        self._folder = folder
        self._held = Held(disk, lambda: disk.open(folder, _FOLDER))

    def watch(self) -> None:
        """From now on, what cannot be written is told by the next `sync`. Raises OSError."""
        with self._held.open():
            pass

    def sync(self) -> None:
        """Raises OSError with the folder's name, once for all that was lost since the last call."""
        if not self._sync():
            # Another one was mounted over it meanwhile.
            self._held.close()
            self._sync()

    def _sync(self) -> bool:
        """Whether what was synced is the file system that the folder is on now."""
        with self._held.open() as fd:
            try:
                self._disk.syncfs(fd)
                return self._disk.fstat(fd).st_dev == self._disk.stat(self._folder).st_dev
            except OSError as error:
                error.filename = self._folder
                raise

    def close(self) -> None:
        self._held.close()
