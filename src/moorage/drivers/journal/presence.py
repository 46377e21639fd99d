"""Whether any process that has used a journal is still there.

While one is, it has a file open, so the file system was not unmounted, and what the kernel had in memory of it is not lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import threading
from collections.abc import Callable

from moorage.drivers.disk import Disk
from moorage.drivers.journal.segments import give_back


class Presence:
    """A shared lock on an empty file, which `open_file` opens. Methods raise OSError."""

    def __init__(self, disk: Disk, open_file: Callable[[], int]) -> None:
        self._disk = disk
        self._open_file = open_file
        self._lock = threading.Lock()
        self._fd = -1
        self._begun = False

    def begin(self) -> None:
        """From now on this process is there. Waits while another one is `alone`."""
        if not self._begun:
            with self._lock:
                self._open()
                fcntl.flock(self._fd, fcntl.LOCK_SH)
                self._begun = True

    def alone(self) -> bool:
        """Whether no process is there. If so, none begins before this one has begun, or is closed."""
        with self._lock:
            self._open()
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def _open(self) -> None:
        if self._fd < 0:
            self._fd = self._open_file()

    def close(self) -> None:
        with self._lock:
            fd, self._fd, self._begun = self._fd, -1, False
            if fd >= 0:
                with contextlib.suppress(OSError):
                    give_back(self._disk, fd)
