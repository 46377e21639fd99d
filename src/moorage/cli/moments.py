"""Parses moments of the past given on the command line."""

from __future__ import annotations

import contextlib
import datetime
import time
from typing import Final

EXAMPLES: Final = (
    "write a moment such as 2026-01-31T12:00:00 (UTC unless it has a zone), or how long ago, such as 36h"
)


def past(text: str) -> float:
    """The moment in seconds since 1970. Raises ValueError with a message about `text`."""
    moment = _moment(text)
    if moment is None:
        raise ValueError(f"{text} is neither a moment nor a duration with a unit: {EXAMPLES}")
    if moment > time.time():
        raise ValueError(f"{text} is in the future: {EXAMPLES}")
    return moment


def shown(moment: float) -> str:
    """The moment as a date in UTC. Raises ValueError if its year is not between 1 and 9999."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="seconds")


def _moment(text: str) -> float | None:
    for read in (_date, _ago):
        with contextlib.suppress(ValueError):
            moment = read(text)
            # In UTC it may fall into the year 0 or 10000, which a date cannot represent.
            shown(moment)
            return moment
    return None


def _date(text: str) -> float:
    date = datetime.datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=datetime.UTC)).timestamp()


def _ago(text: str) -> float:
    """A moment given as its age. A number without a unit is rejected: it would be nanoseconds, but is meant as a year or hours."""
    from moorage.config.values import nanoseconds

    text = text.strip()
    if text.startswith("-") or not text[-1:].isalpha():
        raise ValueError
    return time.time() - nanoseconds(text) / 1e9
