"""Uploads as chains of segments, for stores whose objects never grow.

Each request of an upload adds objects of its own, the segments, below the path of the upload's file. They never change
afterwards, and are named

    <offset of its first byte>-<name of the segment before it>-<a random name>

So a segment identifies all bytes of the upload up to its end. The last segment is the *head* of the chain, and a writer's mark
names it: with the mark, any process can continue the upload without asking the store. Two clients that write to the same upload
make two chains, and each continues its own. That needs neither locks nor conditional requests, which not every store has.

Without a mark the longest chain counts: after a broken connection, the client is asked to continue that one.
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
    """One object of a chain."""

    start: int
    """The offset of its first byte in the upload."""
    before: str
    """The name of the segment before it, or `ROOT`."""
    name: str
    size: int = 0
    """In bytes."""

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
    """The end of a chain."""

    last: Segment | None = None
    """The last segment; None for an empty upload."""

    @property
    def size(self) -> int:
        return self.last.stop if self.last else 0

    @property
    def mark(self) -> str:
        return f"{self.last.size}@{self.last.file}" if self.last else "0"

    @classmethod
    def parse(cls, mark: str) -> Head:
        """Raises ValueError for an invalid mark."""
        if mark == "0":
            return cls()
        size, _, file = mark.partition("@")
        segment = Segment.parse(file, int(size))
        if segment is None:
            raise ValueError(f"not a mark: {mark[:80]}")
        return cls(segment)

    def next(self) -> Segment:
        """A new, empty segment that continues the chain."""
        before = self.last.name if self.last else ROOT
        return Segment(self.size, before, secrets.token_hex(6))


def chain(head: Head, found: Mapping[str, Segment]) -> list[Segment]:
    """The segments from the first byte to the head, out of those that were `found`, by name. Raises LookupError when one is
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
    """The head of the longest complete chain."""
    known = {segment.name: segment for segment in found}
    for segment in sorted(known.values(), key=lambda one: (one.stop, one.name), reverse=True):
        head = Head(segment)
        try:
            chain(head, known)
        except LookupError:
            continue
        return head
    return Head()
