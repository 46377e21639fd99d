"""The lock that excludes other writers of the queue, in any process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from moorage.locks import Contention, wait_for

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


def opened(queue: str, suffix: str) -> int:
    """A descriptor of the file beside the queue. If root makes it, it is given to the owner of the queue, whose server it would shut out
    otherwise; what was there before stays whose it is. Raises OSError."""
    path = f"{queue}{suffix}"
    try:
        fd = os.open(path, _FLAGS | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, _FLAGS, 0o600)
    if os.geteuid() == 0:
        # A new queue is not there yet. Where root may not give files away, as in some containers, they stay root's.
        with contextlib.suppress(OSError):
            owner = os.stat(queue)
            os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


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
