"""Of which parts an object is made that is joined out of others. No input or output.

All parts but the last have one size. Where the borders of the sources allow it, the size is one that ends at each of them, and then
every part can be copied by the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import gcd
from typing import Final

from moorage.drivers.objectstore.limits import Limits, part_size

WIDEST: Final = 8
"""A part may have so many times the size that was asked for if it fits then: a store needs seconds to copy one, not a minute."""

READ_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Range:
    """`[start, stop)` of the object `source`, which has `size` bytes."""

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
    """`number` counts from 1."""

    number: int
    ranges: tuple[Range, ...]

    @property
    def size(self) -> int:
        return sum(one.length for one in self.ranges)

    def copied(self, limits: Limits) -> Range | None:
        """What the store is to copy; None where the part has to be read and written. Of small objects S3 copies no ranges
        (API Reference, "UploadPartCopy")."""
        first, *others = self.ranges
        if others or not (first.whole or first.size > limits.least_part):
            return None
        return first


def parts(sources: Sequence[tuple[str, int]], least: int, limits: Limits) -> list[Part]:
    """Of an object out of `sources`, given with their sizes, which are not empty; `least` bytes each if nothing speaks for more
    or fewer."""
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
    """Of the parts but the last: one that divides all lengths but the last, so that no part lies in two objects. Where there is no
    good one, one that divides the distance at which long uploads are cut, which is then that of most borders; for what is
    shorter or in one piece `least`, or as much more as needs be. Of many small objects the parts are small too: most of them
    have to be read, and several are to be in memory."""
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
    """The least one that is `wanted` or more; the length itself where it is less."""
    most = max(1, length // wanted)
    return length // next(number for number in range(most, 0, -1) if length % number == 0)


def _ranges(sources: Sequence[tuple[str, int]], size: int) -> Iterator[Range]:
    """Cut where a source ends, and at each multiple of `size`."""
    ends = accumulate(length for _, length in sources)
    for (source, length), end in zip(sources, ends, strict=True):
        begin = end - length
        start = begin
        while start < end:
            stop = min(end, (start // size + 1) * size)
            yield Range(source, start - begin, stop - begin, length)
            start = stop
