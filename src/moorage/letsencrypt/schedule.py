"""When to look at a certificate again, in seconds."""

from __future__ import annotations

import random
from datetime import UTC, datetime

HOUR = 3600.0
DAY = 24 * HOUR
FIRST_BACK_OFF = 60.0
LONGEST_BACK_OFF = DAY
LONGEST_WAIT = 7 * DAY
"""The longest Retry-After that is honored: the longest period of Let's Encrypt's rate limits."""


def back_off(failures: int) -> float:
    """The wait after so many consecutive failures: one minute, two, four, at most a day."""
    return min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(failures - 1, 30))


def until_retry(failures: int, wait: float) -> float:
    """Like `back_off`, but never earlier than the authority allows, and up to a tenth later, as other clients failed too."""
    return max(back_off(failures), min(wait, LONGEST_WAIT)) * _around(1.0, 1.1)


def until_next_look(due: datetime, now: datetime) -> float:
    """About an hour, to notice changes that another process made to the file; less if renewal is due before.

    A new certificate that is due already means a wrong clock, and must not be renewed over and over.
    """
    left = (due - now).total_seconds()
    look = HOUR * _around(0.9, 1.1)
    return min(look, left) if left > 0 else look


def moment(seconds: float) -> str:
    """Seconds since the epoch as a readable date."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _around(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311  nothing secret
