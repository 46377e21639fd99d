"""The header `Retry-After` (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import email.utils

MOST_DIGITS = 12


def seconds(header: str, now: float) -> float:
    """How long to wait from `now`, in seconds since 1970: a number of seconds, or until a date. 0 for anything else."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:MOST_DIGITS])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
