"""Counts that could not be written to the queue yet, in memory that all workers of a server share.

Any worker may be asked for the counters. If each kept its own part, they would go back and forth between two answers, and back when a
worker dies.
"""

from __future__ import annotations

import contextlib
import mmap
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from moorage.events.statuses import number, spelled

if TYPE_CHECKING:
    from moorage.events.rows import Counts

SUMS: Final = ("successes", "failures", "errors", "dropped")
MOST: Final = 1024
"""The most endpoints that are remembered."""

_ROW: Final = 1024
"""Room for SUMS and the statuses of HTTP, which have three digits."""
_WORD: Final = 8
_CHANGES, _USED = range(2)
_HEAD: Final = mmap.PAGESIZE // _WORD

READINGS: Final = 50
PAUSE_SECONDS: Final = 0.002


class UnwrittenMemory:
    """Made before the workers are forked. In `words`, a head is followed by a row of counts for each endpoint: SUMS, then one for each
    status. Only pages that are used take memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, (_HEAD + MOST * _ROW) * _WORD)
        self.words = memoryview(self._memory).cast("q")


class Unwritten:
    """The counts of the endpoints with these names, which all workers give in the same order.

    Whoever adds, or writes to the queue, holds the queue's lock, unless that cannot be had.
    """

    def __init__(self, endpoints: Sequence[str] = (), memory: UnwrittenMemory | None = None) -> None:
        """Without `memory`, for one process alone."""
        self._rows = {name: row for row, name in enumerate(endpoints)}
        self._words = (memory or UnwrittenMemory()).words

    @property
    def empty(self) -> bool:
        return not self._words[_USED]

    def add(self, endpoint: str, sums: Mapping[str, int], statuses: Mapping[str, int]) -> None:
        row = self._rows.setdefault(endpoint, len(self._rows))
        if row >= MOST:
            return
        for name, count in sums.items():
            self._words[_place(row) + SUMS.index(name)] += count
        for status, count in statuses.items():
            self._words[_place(row) + len(SUMS) + number(status)] += count
        # Last: one that goes on after others gave up waiting for it may be forgetting what it wrote.
        self._words[_USED] = 1

    def counts(self) -> dict[str, tuple[Counter[str], Counter[str]]]:
        """Sums and statuses by endpoint, as `add` takes them, where there are any."""
        return {} if self.empty else self._counts()

    def _counts(self) -> dict[str, tuple[Counter[str], Counter[str]]]:
        rows = {name: self._row(row) for name, row in self._rows.items() if row < MOST}
        return {name: row for name, row in rows.items() if any(row)}

    @contextlib.contextmanager
    def writing(self) -> Iterator[dict[str, tuple[Counter[str], Counter[str]]]]:
        """While the body writes the `counts` that it is given to the queue. They are forgotten if it does not raise."""
        # An odd number tells readers to wait: in between, the counts are at both places.
        self._words[_CHANGES] |= 1
        counts = self.counts()
        try:
            yield counts
            if counts:
                self._forget(counts)
        finally:
            self._words[_CHANGES] += 1

    def added_to(self, written: Callable[[], dict[str, Counts]]) -> dict[str, Counts]:
        """The counts that `written` reads from the queue, with these added."""
        # Every server makes the memory, and most have no need of SQLite.
        from moorage.events.rows import Counts

        found, more = self._read(written)
        for endpoint, (sums, statuses) in more.items():
            counts = found.setdefault(endpoint, Counts())
            for name, count in sums.items():
                setattr(counts, name, getattr(counts, name) + count)
            for status, count in statuses.items():
                counts.statuses[status] = counts.statuses.get(status, 0) + count
        return found

    def _read(
        self, written: Callable[[], dict[str, Counts]]
    ) -> tuple[dict[str, Counts], dict[str, tuple[Counter[str], Counter[str]]]]:
        # Not without end: who writes may have been stopped or killed.
        for _ in range(READINGS):
            before = self._words[_CHANGES]
            found, more = written(), self.counts()
            if before == self._words[_CHANGES] and before % 2 == 0:
                break
            time.sleep(PAUSE_SECONDS)
        return found, more

    def _row(self, row: int) -> tuple[Counter[str], Counter[str]]:
        values = self._words[_place(row) : _place(row + 1)].tolist()
        sums = {name: count for name, count in zip(SUMS, values, strict=False) if count}
        statuses = {spelled(status): count for status, count in enumerate(values[len(SUMS) :]) if count}
        return Counter(sums), Counter(statuses)

    def _forget(self, counts: Mapping[str, tuple[Counter[str], Counter[str]]]) -> None:
        """Not the whole rows: others may have added to them, if this process was stopped for long."""
        for endpoint, (sums, statuses) in counts.items():
            row = self._rows[endpoint]
            for name, count in sums.items():
                self._words[_place(row) + SUMS.index(name)] -= count
            for status, count in statuses.items():
                self._words[_place(row) + len(SUMS) + number(status)] -= count
        self._words[_USED] = 0
        if self._counts():
            self._words[_USED] = 1


def _place(row: int) -> int:
    return _HEAD + row * _ROW
