"""Events that were delivered, but could not be removed from the queue yet."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from moorage.events.rows import Kept


@dataclass
class Fate:
    """What came of events of an endpoint. `numbers` are those to remove from the queue; `sums` and `statuses` are added to its counts."""

    endpoint: str
    numbers: Sequence[int] = ()
    sums: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)


Write: TypeAlias = Callable[[Mapping[str, Sequence[int]], Fate | None], bool]
"""Removes the numbers of earlier fates, by endpoint, and writes a fate. Returns whether that worked. What it counts is counted in any
case."""


class Pending:
    """Of one process. Numbers are only of the one that delivers."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._numbers: dict[str, list[int]] = {}
        self._turn = threading.Lock()

    def add(self, fate: Fate) -> None:
        """Write a fate, with what could not be written before."""
        with self._turn:
            if self._write(self._numbers, fate):
                self._numbers = {}
            elif fate.numbers:
                self._numbers.setdefault(fate.endpoint, []).extend(fate.numbers)

    def flush(self) -> None:
        with self._turn:
            if self._write(self._numbers, None):
                self._numbers = {}

    def gone(self, endpoint: str) -> frozenset[int]:
        """The numbers of events that are still in the file, but are to be removed."""
        return frozenset(self._numbers.get(endpoint, ()))

    def without_gone(self, endpoint: str, kept: Iterable[Kept]) -> list[Kept]:
        gone = self.gone(endpoint)
        return [one for one in kept if one.number not in gone]
