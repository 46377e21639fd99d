"""The lock that excludes other writers of the queue, in any process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from moorage.locks import Contention, wait_for


class Lock:
    """The lock as one process sees it. Several of its threads may wait, each with a descriptor of its own (`open`)."""

    def __init__(self, path: Path) -> None:
        """`path`: the file of the queue."""
        self._path = str(path)
        self._contention = Contention()

    def open(self) -> int:
        """A descriptor of the lock file. An flock belongs to the open file description, so each that waits needs its own. Raises
        OSError."""
        return os.open(f"{self._path}.writing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextlib.contextmanager
    def held(self, fd: int) -> Iterator[None]:
        """Hold the lock, which excludes every other descriptor of the file. Raises OSError, TimeoutError."""
        wait_for(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), self._path, self._contention)
        try:
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
