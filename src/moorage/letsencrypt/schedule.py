"""When a certificate is looked at again; in seconds."""

from __future__ import annotations

import random
from datetime import UTC, datetime

HOUR = 3600.0
DAY = 24 * HOUR
FIRST_BACK_OFF = 60.0
LONGEST_BACK_OFF = DAY
LONGEST_WAIT = 7 * DAY
"""What an authority can ask for with Retry-After: the longest period of Let's Encrypt's limits."""


def back_off(failures: int) -> float:
    """After so many failures in a row: a minute, two, four, at most a day."""
    return min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(failures - 1, 30))


def until_retry(failures: int, wait: float) -> float:
    """Like `back_off`, but never before the authority allows it, and up to a tenth later: others failed too."""
    return max(back_off(failures), min(wait, LONGEST_WAIT)) * _around(1.0, 1.1)


def until_next_look(due: datetime, now: datetime) -> float:
    """About an hour, so that what another process did to the file is noticed; sooner if renewal is due before. A new
    certificate that is due already comes of a wrong clock, and must not be renewed again and again."""
    left = (due - now).total_seconds()
    look = HOUR * _around(0.9, 1.1)
    return min(look, left) if left > 0 else look


def moment(seconds: float) -> str:
    """Seconds since the epoch as a date for people."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _around(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311  nothing secret
