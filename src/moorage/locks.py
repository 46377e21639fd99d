"""Waiting for a lock that another process has: not without a word, and not without end.

Whoever holds one goes on soon, unless it was stopped in that moment (`docker pause`, Ctrl-Z) or its disk hangs.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

TOLD_AFTER: Final = 10.0
GIVEN_UP_AFTER: Final = 120.0
"""In seconds. Long, for a slow disk with much to sync takes its time."""
TRIED_FOR: Final = 0.1
"""In seconds: how long each later attempt of those who share a `Contention` takes after one was given up, until one succeeds."""
LONGEST_PAUSE: Final = 0.005

_FIRST_PAUSE: Final = 0.0001


@dataclass(slots=True)
class Contention:
    """Since when nobody who shares it has got the lock, though somebody wanted it, in seconds of the monotonic clock. Threads may
    overwrite each other's moment: it then takes a little longer."""

    since: float | None = None
    told: bool = False


def wait_for(attempt: Callable[[], object], path: str, contention: Contention | None = None) -> None:
    """Call `attempt`, which takes a lock on the file at `path`, until it does not raise BlockingIOError. Raises what else it raises,
    and TimeoutError that names the file."""
    contention = contention or Contention()
    begun, pause = time.monotonic(), _FIRST_PAUSE
    # A thread in a lock that blocks could not be called back.
    while True:
        try:
            attempt()
        except BlockingIOError:
            _waited(contention, begun, path)
        else:
            contention.since, contention.told = None, False
            return
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _waited(contention: Contention, begun: float, path: str) -> None:
    now = time.monotonic()
    since = contention.since = contention.since or begun
    if now - since > TOLD_AFTER and not contention.told:
        contention.told = True
        log.warning("waiting for a process that keeps a file locked: was it stopped?", extra={"path": path})
    if now - since > GIVEN_UP_AFTER and now - begun > TRIED_FOR:
        raise TimeoutError(errno.ETIMEDOUT, "locked by a process that does not go on", path)
