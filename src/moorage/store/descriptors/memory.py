"""Descriptors in the memory of one process."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from moorage.store.blobstore import Blob
from moorage.store.descriptors.removals import Removals


class MemoryDescriptors:
    """At most `limit` entries (0: no limit), of which the least recently used are dropped first, and none that was read more
    than `seconds` ago.

    Everything is forgotten when a process that shares `removals` drops something: removals are rare, and a list of the
    removed links would have to be read by every lookup. An entry that any other process drops is served until it is too old.
    """

    failures = 0

    def __init__(
        self,
        limit: int = 10_000,
        seconds: float = 600,
        *,
        removals: Removals | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._entries: OrderedDict[str, tuple[Blob, float]] = OrderedDict()
        # One time for all links: a time for each dropped link would need a bound of its own.
        self._dropped = -math.inf
        self._removals = removals or Removals()
        self._seen = self._removals.last()

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, link: str) -> Blob | None:
        self._look()
        entry = self._entries.get(link)
        if entry is None:
            return None
        known, since = entry
        if self._old(since):
            del self._entries[link]
            return None
        self._entries.move_to_end(link)
        return known

    async def put(self, link: str, known: Blob, since: float) -> None:
        self._look()
        if since <= self._dropped or self._old(since):
            return
        entry = self._entries.get(link)
        if entry is None or entry[1] < since:
            self._entries[link] = known, since
        self._entries.move_to_end(link)
        self._trim()

    async def drop(self, *links: str) -> None:
        self._removals.tell()
        self._look()

    async def clear(self) -> None:
        self._dropped = self._clock()
        self._entries.clear()

    async def close(self) -> None:
        self._entries.clear()

    def _look(self) -> None:
        if (last := self._removals.last()) != self._seen:
            self._seen = last
            self._dropped = self._clock()
            self._entries.clear()

    def _old(self, since: float) -> bool:
        return self._clock() - since >= self._seconds

    def _trim(self) -> None:
        while self._entries:
            link, (_, since) = next(iter(self._entries.items()))
            if not self._old(since) and not 0 < self._limit < len(self._entries):
                return
            del self._entries[link]
