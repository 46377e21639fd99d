"""A file that a process opens when it first needs it, and then keeps open."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from moorage.drivers.disk import Disk
from moorage.drivers.journal.segments import give_back


class Held:
    """`open_file` opens it, and may raise OSError."""

    def __init__(self, disk: Disk, open_file: Callable[[], int]) -> None:
        self._disk = disk
        self._open_file = open_file
        self._lock = threading.Lock()
        self._fd = -1

    @contextlib.contextmanager
    def open(self) -> Iterator[int]:
        """The descriptor. In the body nobody else of this process has it, and nobody closes it."""
        with self._lock:
            if self._fd < 0:
                self._fd = self._open_file()
            yield self._fd

    def close(self) -> None:
        """Does not raise."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                with contextlib.suppress(OSError):
                    give_back(self._disk, fd)
