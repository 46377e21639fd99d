"""Outcomes of events that could not be written to the queue yet."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from moorage.events.rows import Counts, Kept


@dataclass
class Fate:
    """`numbers` are events to remove from the queue; `sums` and `statuses` are added to the counts of the endpoint."""

    numbers: list[int] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, other: Fate) -> None:
        self.numbers += other.numbers
        self.sums += other.sums
        self.statuses += other.statuses


Write: TypeAlias = Callable[[Mapping[str, Fate]], bool]
"""Writes outcomes by endpoint. Returns whether that worked."""


class Pending:
    def __init__(self, write: Write) -> None:
        self._write = write
        self._fates: dict[str, Fate] = {}
        self._turn = threading.Lock()

    def add(self, endpoint: str, fate: Fate) -> None:
        """Write an outcome, with those that could not be written before."""
        with self._turn:
            self._fates.setdefault(endpoint, Fate()).add(fate)
            if self._write(self._fates):
                self._fates = {}

    def flush(self) -> None:
        with self._turn:
            if self._fates and self._write(self._fates):
                self._fates = {}

    def gone(self, endpoint: str) -> frozenset[int]:
        """The numbers of events that are still in the file, but are to be removed."""
        fate = self._fates.get(endpoint)
        return frozenset(fate.numbers) if fate else frozenset()

    def without_gone(self, endpoint: str, kept: Iterable[Kept]) -> list[Kept]:
        gone = self.gone(endpoint)
        return [one for one in kept if one.number not in gone]

    def add_to(self, counts: dict[str, Counts]) -> None:
        with self._turn:
            for endpoint, fate in self._fates.items():
                found = counts.setdefault(endpoint, Counts())
                for name, count in fate.sums.items():
                    setattr(found, name, getattr(found, name) + count)
                for status, count in fate.statuses.items():
                    found.statuses[status] = found.statuses.get(status, 0) + count
