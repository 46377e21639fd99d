"""Byte ranges of answers (RFC 9110, section 14) and of upload chunks (distribution-spec, "Pushing a blob in chunks")."""

from __future__ import annotations

import re
import sys
from typing import Final

from moorage.errors import RangeInvalid

# White space is bounded, so that the time of a match is: unbounded runs would be split in every possible way.
_BYTES = re.compile(r"bytes=\s{0,99}([0-9]*)\s{0,99}-\s{0,99}([0-9]*)\s{0,99}", re.ASCII | re.IGNORECASE)
_CHUNK = re.compile(
    r"(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/([0-9]{1,18}|\*))?", re.ASCII | re.IGNORECASE
)

EXACT_DIGITS: Final = 18
"""A longer number lies beyond the end of any blob."""


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """The part `[start, stop)` of `size` bytes that a Range header requests; None for the whole.

    Only a single range is served. Several ranges, units other than bytes, and any range of an empty blob get the whole, as RFC
    9110 permits. A range that is malformed or cannot be satisfied raises RangeInvalid.
    """
    if header is None or not size or not header.lower().startswith("bytes=") or "," in header:
        return None
    found = _BYTES.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        raise _unsatisfiable(size)
    if not found[1]:
        start, stop = max(0, size - _position(found[2])), size
    else:
        start = _position(found[1])
        stop = min(size, _position(found[2]) + 1) if found[2] else size
    if start >= stop:
        raise _unsatisfiable(size)
    return start, stop


def _position(digits: str) -> int:
    """A position may have any number of digits, and Python refuses to parse thousands of them."""
    digits = digits.lstrip("0")
    return sys.maxsize if len(digits) > EXACT_DIGITS else int(digits or "0")


def _unsatisfiable(size: int) -> RangeInvalid:
    return RangeInvalid("the range cannot be satisfied", headers={"Content-Range": f"bytes */{size}"})


def chunk(header: str) -> tuple[int, int]:
    """Offset and length of a chunk, from its Content-Range `<first>-<last>`; the form of RFC 9110, with a unit and a total, is
    accepted too. Raises RangeInvalid."""
    found = _CHUNK.fullmatch(header.strip())
    if found is None:
        raise _malformed()
    first, last, total = int(found[1]), int(found[2]), found[3]
    if last < first or (total not in (None, "*") and int(total) <= last):
        raise _malformed()
    return first, last - first + 1


def _malformed() -> RangeInvalid:
    return RangeInvalid("Content-Range must be <first>-<last>, both inclusive offsets")
