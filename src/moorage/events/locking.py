"""The lock that excludes other writers of the queue, in any process: whoever waits for it does so not without a word, and not without end.

Whoever holds it goes on soon, unless it was stopped in that moment (`docker pause`, Ctrl-Z) or its disk hangs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

TOLD_AFTER: Final = 10.0
GIVEN_UP_AFTER: Final = 120.0
"""In seconds. Long, for a slow disk with much to sync takes its time."""
TRIED_FOR: Final = 0.1
"""In seconds: how long each later attempt takes after one was given up, until one succeeds."""
LONGEST_PAUSE: Final = 0.005

_FIRST_PAUSE: Final = 0.0001


class Lock:
    """The lock as one process sees it. Several of its threads may wait, each with a descriptor of its own (`open`)."""

    def __init__(self, path: Path) -> None:
        """`path`: the file of the queue."""
        self._path = path
        # Since when nobody in this process has got it, though somebody wants it. Threads may overwrite each other's moment: it then
        # takes a little longer.
        self._since: float | None = None
        self._told = False

    def open(self) -> int:
        """A descriptor of the lock file. An flock belongs to the open file description, so each that waits needs its own. Raises
        OSError."""
        return os.open(f"{self._path}.writing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextlib.contextmanager
    def held(self, fd: int) -> Iterator[None]:
        """Hold the lock, which excludes every other descriptor of the file. Raises OSError, TimeoutError."""
        self._wait(fd)
        try:
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def _wait(self, fd: int) -> None:
        begun, pause = time.monotonic(), _FIRST_PAUSE
        # A thread in a blocking flock could not be called back.
        while not _taken(fd):
            now = time.monotonic()
            since = self._since = self._since or begun
            if now - since > TOLD_AFTER and not self._told:
                self._told = True
                log.warning(
                    "waiting for a process that keeps a file locked: was it stopped?",
                    extra={"path": str(self._path)},
                )
            if now - since > GIVEN_UP_AFTER and now - begun > TRIED_FOR:
                raise TimeoutError(
                    errno.ETIMEDOUT, "locked by a process that does not go on", str(self._path)
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._since, self._told = None, False


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
