"""Syncing the whole file system, and being told if it lost anything."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Final

from moorage.drivers.disk import Disk

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Device:
    """The file system that a folder is on.

    The kernel tells each descriptor once what it could not write since that was opened. One opened later is told nothing of what any
    other program's sync was told before. So the descriptor is opened before anything is written, and kept.
    """

    def __init__(self, disk: Disk, folder: str) -> None:
        self._disk = disk
        self._folder = folder
        self._lock = threading.Lock()
        self._fd = -1

    def watch(self) -> None:
        """From now on, what cannot be written is told by the next `sync`. Raises OSError."""
        if self._fd < 0:
            with self._lock:
                self._open()

    def sync(self) -> None:
        """Raises OSError with the folder's name, once for all that was lost since the last call."""
        with self._lock:
            self._open()
            try:
                self._disk.syncfs(self._fd)
            except OSError as error:
                error.filename = self._folder
                raise

    def _open(self) -> None:
        if self._fd < 0:
            self._fd = self._disk.open(self._folder, _FOLDER)

    def close(self) -> None:
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                with contextlib.suppress(OSError):
                    self._disk.close(fd)
