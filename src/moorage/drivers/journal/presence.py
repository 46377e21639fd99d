"""Whether any process that has used a journal is still there.

While one is, it has a file open, so the file system was not unmounted, and what the kernel had in memory of it is not lost.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable

from moorage.drivers.disk import Disk
from moorage.drivers.journal.held import Held
from moorage.locks import wait_for


class Presence:
    """A shared lock on an empty file, which `open_file` opens. Methods raise OSError."""

    def __init__(self, disk: Disk, path: str, open_file: Callable[[], int]) -> None:
        self._path = path
        self._held = Held(disk, open_file)
        self._begun = False

    def begin(self) -> None:
        """From now on this process is there. Waits while another one is `alone`."""
        if not self._begun:
            with self._held.open() as fd:
                wait_for(lambda: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB), self._path)
                self._begun = True

    def alone(self) -> bool:
        """Whether no process is there. If so, none begins before this one has begun, or is closed."""
        with self._held.open() as fd:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def close(self) -> None:
        self._begun = False
        self._held.close()
