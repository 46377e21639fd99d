"""Uploads on a store whose objects never grow: a chain of segments.

Each request of an upload adds an object of its own below the path of the upload's file, named

    <offset of its first byte>-<name of the segment before it>-<a random name>

and never changed again. So a segment names all bytes of the upload up to its end: the *head* of a chain, which is what a
writer's mark tells. Whoever has the mark goes on from there without asking the store. Two clients that write to one upload make
two chains, and each gets its own; no lock is needed, nor conditional requests, which not every store has.

Without a mark the longest chain counts: after a broken connection that is what the client is told to go on from.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

ROOT: Final = "0" * 12
_NAME: Final = re.compile(r"(\d{15})-([0-9a-f]{12})-([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Segment:
    """`start` and `size` in bytes."""

    start: int
    before: str
    name: str
    size: int = 0

    @property
    def stop(self) -> int:
        return self.start + self.size

    @property
    def file(self) -> str:
        return f"{self.start:015}-{self.before}-{self.name}"

    @classmethod
    def parse(cls, file: str, size: int) -> Segment | None:
        match = _NAME.fullmatch(file)
        return cls(int(match[1]), match[2], match[3], size) if match else None


@dataclass(frozen=True, slots=True)
class Head:
    """The last segment of a chain; None for an upload without bytes."""

    last: Segment | None = None

    @property
    def size(self) -> int:
        return self.last.stop if self.last else 0

    @property
    def mark(self) -> str:
        return f"{self.last.size}@{self.last.file}" if self.last else "0"

    @classmethod
    def parse(cls, mark: str) -> Head:
        """Raises ValueError for what is no mark."""
        if mark == "0":
            return cls()
        size, _, file = mark.partition("@")
        segment = Segment.parse(file, int(size))
        if segment is None:
            raise ValueError(f"not a mark: {mark[:80]}")
        return cls(segment)

    def next(self) -> Segment:
        """What comes after it, so far without bytes."""
        before = self.last.name if self.last else ROOT
        return Segment(self.size, before, secrets.token_hex(6))


def chain(head: Head, found: Mapping[str, Segment]) -> list[Segment]:
    """The segments from the first byte to the head, from all that were `found`, by name. Raises LookupError when one is
    missing."""
    segments: list[Segment] = []
    last = head.last
    while last is not None:
        segments.append(last)
        if last.before == ROOT:
            break
        before = found[last.before]
        if before.stop != last.start:
            raise LookupError(f"{before.file} ends at {before.stop}, {last.file} does not begin there")
        last = before
    if segments and segments[-1].start != 0:
        raise LookupError("the first segment does not begin at the first byte")
    return segments[::-1]


def longest(found: Iterable[Segment]) -> Head:
    """The head of the longest whole chain."""
    known = {segment.name: segment for segment in found}
    for segment in sorted(known.values(), key=lambda one: (one.stop, one.name), reverse=True):
        head = Head(segment)
        try:
            chain(head, known)
        except LookupError:
            continue
        return head
    return Head()
