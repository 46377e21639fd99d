"""Whose turn it is to write to a stream that several processes share, so that none writes in the middle of another's line."""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from typing import Final


class Turn:
    """One for each stream; processes that are forked later share it. The kernel gives back the turn of a process that has ended."""

    def __init__(self) -> None:
        self._file = os.memfd_create("turn")
        weakref.finalize(self, os.close, self._file).atexit = False
        self.reset()

    def reset(self) -> None:
        """Begin anew in a process that was just forked: if it is somebody's turn, it is the other process's."""
        self._lock = threading.Lock()
        self._whose: object = None

    def take(self, who: object) -> bool:
        """Whether it is the turn of `who` now, until `give`."""
        with self._lock:
            if self._whose is None:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return False
                self._whose = who
            return self._whose is who

    def give(self, who: object) -> None:
        with self._lock:
            if self._whose is who:
                self._whose = None
                fcntl.lockf(self._file, fcntl.LOCK_UN)


def at(fd: int) -> Turn:
    """The turn of what is open at `fd`, which standard output and standard error may share. Raises OSError."""
    found = os.fstat(fd)
    return _turns.setdefault((found.st_dev, found.st_ino), Turn())


_turns: Final[weakref.WeakValueDictionary[tuple[int, int], Turn]] = weakref.WeakValueDictionary()


def reset() -> None:
    for turn in _turns.values():
        turn.reset()
