"""Plans the parts of an object that is joined from others. Pure computation.

All parts but the last have the same size. If possible, the size is chosen so that parts end wherever sources end; then the
store can copy every part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import gcd
from typing import Final

from moorage.drivers.objectstore.limits import Limits, part_size

WIDEST: Final = 8
"""A part may be so many times larger than requested if that makes it fit. It is still copied in seconds, not in a minute."""

READ_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Range:
    """The range `[start, stop)` of the object `source`, which has `size` bytes."""

    source: str
    start: int
    stop: int
    size: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def whole(self) -> bool:
        return self.length == self.size


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the joined object; `number` counts from 1."""

    number: int
    ranges: tuple[Range, ...]

    @property
    def size(self) -> int:
        return sum(one.length for one in self.ranges)

    def copied(self, limits: Limits) -> Range | None:
        """The range for the store to copy, or None if the part has to be read and written. S3 does not copy ranges of small
        objects (API Reference, "UploadPartCopy")."""
        first, *others = self.ranges
        if others or not (first.whole or first.size > limits.least_part):
            return None
        return first


def parts(sources: Sequence[tuple[str, int]], least: int, limits: Limits) -> list[Part]:
    """The parts of an object joined from `sources`, which are given with their sizes and must not be empty. Parts have `least`
    bytes unless another size fits better."""
    size = fitting_size([length for _, length in sources], least, limits)
    found: list[Part] = []
    taken: list[Range] = []
    missing = size
    for one in _ranges(sources, size):
        taken.append(one)
        missing -= one.length
        if not missing:
            found.append(Part(len(found) + 1, tuple(taken)))
            taken, missing = [], size
    if taken:
        found.append(Part(len(found) + 1, tuple(taken)))
    return found


def fitting_size(lengths: Sequence[int], least: int, limits: Limits) -> int:
    """The size of all parts but the last.

    The best size divides all lengths but the last, so that no part spans two objects. The second best divides the distance at
    which long uploads are cut, because most segments of a long upload end at a multiple of it. Shorter uploads, and those in one
    piece, get `least`, or as much more as the limits require. Many small objects get small parts, because most of them have to be
    read, and several have to fit into memory.
    """
    total = sum(lengths)
    several = len(lengths) > 1
    small = several and total < least * len(lengths)
    wanted = part_size(total, min(least, READ_BYTES) if small else least, limits)
    fewest = part_size(total, limits.least_part, limits)
    for length in (gcd(*lengths[:-1]), limits.segment if several and total > limits.segment else 0):
        found = _divisor(length, wanted)
        if fewest <= found <= min(WIDEST * wanted, limits.copy):
            return found
    return wanted


def _divisor(length: int, wanted: int) -> int:
    """The least divisor of `length` that is at least `wanted`; `length` itself if it is shorter."""
    most = max(1, length // wanted)
    return length // next(number for number in range(most, 0, -1) if length % number == 0)


def _ranges(sources: Sequence[tuple[str, int]], size: int) -> Iterator[Range]:
    """Cut the sources at their ends and at each multiple of `size`."""
    ends = accumulate(length for _, length in sources)
    for (source, length), end in zip(sources, ends, strict=True):
        begin = end - length
        start = begin
        while start < end:
            stop = min(end, (start // size + 1) * size)
            yield Range(source, start - begin, stop - begin, length)
            start = stop
