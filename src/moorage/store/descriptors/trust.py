"""When cached links may be trusted although another process may collect garbage.

A collection announces itself in the storage before it removes anything:

    write "running <id>"     a process that sees this does not answer from its cache; rewritten every minute
    wait                     trust_seconds and a margin: by now every process has looked again, or trusts nothing
    mark and sweep
    write "ended <id>"       a process that sees this clears its cache, and then uses it again

So the cache answers only while the marker is known to have been at rest at most `trust_seconds` ago, and a sweep cannot
have begun since. An entry, too, is put only while that holds. If there was a sweep after the entry was read, that sweep
has ended, so the cache was cleared in the meantime and keeps nothing that was read before. The margin covers how far the
clocks of two machines may drift apart in that time, and the longest time from a check here to the end of what relies on
the answer.

A collection that was killed writes nothing any more, and would suspend the caches forever. Once `dead_seconds` have passed
without a heartbeat, it counts as ended: it removes nothing any more, and one that only stood still gives up by itself
before (`store.announcing`).

This requires that no text ever repeats: a collection takes an id of its own, and leaves its last text in place. It also
requires a storage whose reads show every write that was completed before.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

from moorage.store.blobstore import Blob
from moorage.store.descriptors.base import Descriptors

log = logging.getLogger(__name__)

RUNNING: Final = "running"
"""How the marker's text begins while a collection runs."""

TRUST_SECONDS: Final = 4.0
POLL_SECONDS: Final = 2.0

DEAD_SECONDS: Final = 600.0
"""A collection without a heartbeat for this long has died. It is long enough for some heartbeats to fail."""


class Watched:
    """Descriptors that are used only while no collection can be removing things.

    `collection` returns the marker's text, empty if no collection ever ran. While one runs, the text changes with each of its
    heartbeats. If `collection` raises anything, nothing is trusted until it has answered again. It is called when this cache is
    used, at most every `poll_seconds`.
    """

    def __init__(
        self,
        inner: Descriptors,
        collection: Callable[[], Awaitable[str]],
        *,
        trust_seconds: float = TRUST_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        dead_seconds: float = DEAD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._collection = collection
        self._trust_seconds = trust_seconds
        self._poll_seconds = poll_seconds
        self._dead_seconds = dead_seconds
        self._clock = clock
        # Empty, as if no collection ever ran: after one, a new process clears a shared cache, since no other may have.
        self._text = ""
        self._beat, self._heard = "", -math.inf  # the last heartbeat, and when it was seen first
        self._clears = 0
        self._rested = -math.inf  # the time before the last look that found the marker at rest
        self._asked = -math.inf
        self._look: asyncio.Task[None] | None = None
        self._failing = False

    @property
    def failures(self) -> int:
        return self._inner.failures

    async def get(self, link: str) -> Blob | None:
        await self._looked()
        clears = self._clears
        if not self._trusted():
            return None
        found = await self._inner.get(link)
        # Trust may have ended while the inner cache was answering.
        return found if self._trusted() and self._clears == clears else None

    async def put(self, link: str, known: Blob, since: float) -> None:
        self._look_again()
        if self._trusted():
            await self._inner.put(link, known, since)

    async def drop(self, *links: str) -> None:
        await self._inner.drop(*links)

    async def clear(self) -> None:
        await self._inner.clear()

    async def close(self) -> None:
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        await self._inner.close()

    def _trusted(self) -> bool:
        return self._clock() - self._rested <= self._trust_seconds

    def _look_again(self) -> None:
        now = self._clock()
        if now - self._asked < self._poll_seconds or (self._look is not None and not self._look.done()):
            return
        self._asked = now
        self._look = asyncio.create_task(self._refresh(now))

    async def _looked(self) -> None:
        """Start a look if one is due. Wait for it only while nothing is trusted, and not for long: a storage that hangs is
        waited for elsewhere."""
        self._look_again()
        if self._look is None or self._look.done() or self._trusted():
            return
        left = self._asked + self._poll_seconds - self._clock()
        if left > 0:
            await asyncio.wait({self._look}, timeout=left)

    async def _refresh(self, asked: float) -> None:
        try:
            # An answer that takes longer is too old to be trusted.
            async with asyncio.timeout(self._trust_seconds):
                text = await self._collection()
        except Exception as error:
            self._rested = -math.inf
            if not self._failing:
                reason = f"{type(error).__name__}: {error}"
                log.warning("cached links not trusted: no word of collections", extra={"reason": reason})
            self._failing = True
            return
        self._failing = False
        if text.startswith(RUNNING) and not self._died(text, asked):
            self._rested = -math.inf
            # Never the text of an end, nor of a collection that died: either has to clear the cache.
            self._text = RUNNING
            return
        if text != self._text:
            self._rested = -math.inf
            if text.startswith(RUNNING):
                log.warning("a garbage collection died: run it again")
            await self._inner.clear()
            self._text = text
            self._clears += 1
        self._rested = asked

    def _died(self, beat: str, asked: float) -> bool:
        if beat != self._beat:
            self._beat, self._heard = beat, asked
        return asked - self._heard >= self._dead_seconds
