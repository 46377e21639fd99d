"""Durations in the notation of Go: `168h`, `1m30s`, `10ms`; a bare integer counts nanoseconds."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from moorage.config.values.kind import Kind

DURATION = Kind("duration")
MINUTES = Kind("duration or minutes")
"""A duration of which a bare number counts minutes: so the page of one option always said."""

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek mu: Go takes both
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(ns|us|µs|μs|ms|s|m|h)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
# Go keeps a duration in 64 bits; what does not fit there does not mean anything to the reference either.
_LARGEST = 2**63 - 1
_GRAMMAR = "must be a duration such as 168h, 1m30s or 10ms"


def nanoseconds(text: str) -> int:
    """The whole nanoseconds of a Go duration; raises ValueError."""
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return _within_bounds(int(text))
    sign, unsigned = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    total = Decimal(0)
    position = 0
    while match := _PART.match(unsigned, position):
        number, unit = match.groups()
        total += Decimal(number) * _UNITS[unit]
        position = match.end()
    if position == 0 or position != len(unsigned):
        raise ValueError(_GRAMMAR)
    return _within_bounds(sign * int(total))


def _within_bounds(count: int) -> int:
    if abs(count) > _LARGEST:
        raise ValueError(f"{_GRAMMAR}, and less than 292 years")
    return count


def parse_duration(value: object) -> timedelta:
    """A timedelta from Go notation; less than a microsecond, but not nothing, becomes a microsecond."""
    if isinstance(value, timedelta):
        return value
    count = nanoseconds(str(value))
    if count and abs(count) < 1_000:
        count = 1_000 if count > 0 else -1_000
    return timedelta(microseconds=count // 1_000)


def format_duration(value: timedelta) -> str:
    """Go notation without the zero parts: `168h`, `1m30s`, `0s`."""
    left = round(value / timedelta(microseconds=1))
    sign, left = ("-", -left) if left < 0 else ("", left)
    parts = []
    for unit in ("h", "m", "s", "ms", "us"):
        count, left = divmod(left, _UNITS[unit] // 1_000)
        if count:
            parts.append(f"{count}{unit}")
    return sign + "".join(parts) if parts else "0s"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration), DURATION]
