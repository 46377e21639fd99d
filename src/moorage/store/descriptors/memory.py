"""Descriptors in the memory of one process. What another process drops is not seen here before it is too old."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from moorage.store.descriptors.base import Known


class MemoryDescriptors:
    """At most `limit` entries (0: no limit), the least recently used forgotten first, and none that was read more than
    `seconds` ago."""

    def __init__(
        self, limit: int = 10_000, seconds: float = 600, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._entries: OrderedDict[str, tuple[Known, float]] = OrderedDict()
        # One time for all links: to keep one for each that was dropped would need a bound of its own.
        self._dropped = -math.inf

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, link: str) -> Known | None:
        entry = self._entries.get(link)
        if entry is None:
            return None
        known, since = entry
        if self._old(since):
            del self._entries[link]
            return None
        self._entries.move_to_end(link)
        return known

    async def put(self, link: str, known: Known, since: float) -> None:
        if since <= self._dropped or self._old(since):
            return
        entry = self._entries.get(link)
        if entry is None or entry[1] < since:
            self._entries[link] = known, since
        self._entries.move_to_end(link)
        self._trim()

    async def drop(self, *links: str) -> None:
        self._dropped = self._clock()
        for link in links:
            self._entries.pop(link, None)

    async def clear(self) -> None:
        self._dropped = self._clock()
        self._entries.clear()

    async def close(self) -> None:
        self._entries.clear()

    def _old(self, since: float) -> bool:
        return self._clock() - since >= self._seconds

    def _trim(self) -> None:
        while self._entries:
            link, (_, since) = next(iter(self._entries.items()))
            if not self._old(since) and not 0 < self._limit < len(self._entries):
                return
            del self._entries[link]
