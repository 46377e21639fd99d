"""Memory for the parts of objects on their way to the store: so much for all uploads of a process together.

obstore keeps what it has not sent, up to a part, and the parts that it is sending. A client that stands still keeps the store
waiting, and its part in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from moorage.drivers.base import DriverError

DEFAULT_BYTES: Final = 512 << 20

MOST_IN_FLIGHT: Final = 2
"""How many parts of an object are sent at once, while the next one is collected."""

UNCOUNTED_BYTES: Final = 256 << 10
"""An object counts only if it is larger: most manifests and configurations are smaller, and the limit of uploads bounds them."""

WAIT_SECONDS: Final = 40.0
"""How long an upload waits for others: longer than these may stand still (`http.limits.bodytimeout`), and shorter than most proxies
wait."""


class PartMemory:
    """`total` bytes for all objects that are being written. An object alone may take more."""

    def __init__(self, total: int, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.total = total
        self.taken = 0
        self._wait_seconds = wait_seconds
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    def share(self, path: str, part_bytes: int) -> Share:
        """For a new object with parts of this size. While less than half is taken, several of them are sent at once."""
        wide = MOST_IN_FLIGHT * part_bytes
        return Share(self, path, MOST_IN_FLIGHT if self.taken + wide <= self.total // 2 else 1, part_bytes)

    async def take(self, size: int) -> None:
        """Wait for `size` bytes; whoever came first gets them first. Raises TimeoutError."""
        if not self._waiting and self._fits(size):
            self.taken += size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, size))
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give(size)
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove((turn, size))
            self._next()

    def give(self, size: int) -> None:
        self.taken -= size
        self._next()

    def _next(self) -> None:
        while self._waiting and (self._waiting[0][0].done() or self._fits(self._waiting[0][1])):
            turn, size = self._waiting.popleft()
            if not turn.done():
                self.taken += size
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return not self.taken or self.taken + size <= self.total


class Share:
    """What one object may take: `in_flight` parts."""

    def __init__(self, memory: PartMemory, path: str, in_flight: int, part_bytes: int) -> None:
        self.in_flight = in_flight
        self._memory = memory
        self._path = path
        self._size = in_flight * part_bytes
        self._taken = 0

    async def cover(self, sent: int) -> None:
        """Wait for memory if an object of `sent` bytes needs some. Raises DriverError if others do not give any back."""
        if self._taken or sent <= UNCOUNTED_BYTES:
            return
        try:
            await self._memory.take(self._size)
        except TimeoutError:
            raise DriverError(
                self._path,
                "other uploads keep all memory for parts: raise http.limits.memory, or add workers",
            ) from None
        self._taken = self._size

    def release(self) -> None:
        taken, self._taken = self._taken, 0
        if taken:
            self._memory.give(taken)


OF_PROCESS: Final = PartMemory(DEFAULT_BYTES)
"""One for all drivers of this process, whose memory it bounds."""
