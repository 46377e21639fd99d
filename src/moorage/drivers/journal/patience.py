"""Waiting for a lock that another process has: not without a word, and not without end.

Whoever holds one goes on soon, unless it was stopped in that moment (`docker pause`, Ctrl-Z) or its disk hangs.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

TOLD_AFTER: Final = 10.0
GIVEN_UP_AFTER: Final = 120.0
"""In seconds. Long, for a slow disk with much to sync takes its time."""

_PAUSES: Final = 0.0005, 0.005


def wait_for(attempt: Callable[[], object], path: str) -> None:
    """Call `attempt`, which takes a lock on the file at `path`, until it does not raise BlockingIOError. Raises what else it raises, and
    TimeoutError that names the file."""
    pause, longest = _PAUSES
    begun, told = time.monotonic(), False
    while True:
        try:
            attempt()
        except BlockingIOError:
            waited = time.monotonic() - begun
        else:
            return
        if waited > GIVEN_UP_AFTER:
            raise TimeoutError(errno.ETIMEDOUT, "locked by a process that does not go on", path)
        if waited > TOLD_AFTER and not told:
            log.warning(
                "waiting for a process that keeps a file locked: was it stopped?", extra={"path": path}
            )
            told = True
        time.sleep(pause)
        pause = min(2 * pause, longest)
