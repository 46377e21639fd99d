"""The lock that excludes other writers of the queue, in any process."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from moorage import leadership
from moorage.locks import Contention, wait_for


def opened(queue: str, suffix: str = "") -> int:
    """A descriptor of the file beside the queue, or without `suffix` of the queue itself. If root makes it, it is given to the owner of the
    queue, or of the folder if the queue is new; what was there before stays whose it is. Raises OSError."""
    return leadership.opened(f"{queue}{suffix}", like=queue if suffix else "")


class Lock:
    """The lock as one process sees it. Several of its threads may wait, each with a descriptor of its own (`open`)."""

    def __init__(self, path: Path) -> None:
        """`path`: the file of the queue."""
        self._path = str(path)
        self._contention = Contention()

    def open(self) -> int:
        """A descriptor of the lock file. An flock belongs to the open file description, so each that waits needs its own. Raises
        OSError."""
        return opened(self._path, ".writing")

    @contextlib.contextmanager
    def held(self, fd: int) -> Iterator[None]:
        """Hold the lock, which excludes every other descriptor of the file. Raises OSError, TimeoutError."""
        wait_for(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), self._path, self._contention)
        try:
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
