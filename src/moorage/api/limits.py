"""Limits: requests in flight by kind, and patience with clients. Those of memory are in `memory`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from moorage.errors import Unavailable

RETRY_SECONDS: Final = 2


@dataclass(frozen=True)
class Limits:
    """The limits of one worker, from `http.limits` of the configuration."""

    reads: int = 4000
    downloads: int = 2000
    uploads: int = 1000
    manifest_bytes: int = 4 << 20
    body_seconds: float = 30.0
    send_seconds: float = 60.0
    minimum_rate: int = 1024
    memory_bytes: int = 64 << 20


class Lane:
    """Counts requests of one kind in flight (`with lane:`). Raises Unavailable beyond `limit`."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self.active = 0

    def __enter__(self) -> None:
        if self.active >= self._limit:
            raise Unavailable(f"too many {self._name} at once, try again", retry_after=RETRY_SECONDS)
        self.active += 1

    def __exit__(self, *_: object) -> None:
        self.active -= 1


class WaitingRoom:
    """Places for `most` requests that wait for a small body. To withhold it costs a client nothing, with HTTP/2 not even a
    connection. So if all places are taken, whoever has waited longest gives way: a body that comes with its head is always
    taken."""

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._waiting: dict[asyncio.Timeout, None] = {}

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place until the end of the block, which is cancelled and raises Unavailable if another request gets the place."""
        while len(self._waiting) >= self._most:
            self._displace()
        waiting = asyncio.timeout(None)
        try:
            async with waiting:
                self._waiting[waiting] = None
                try:
                    yield
                finally:
                    self._waiting.pop(waiting, None)
        except TimeoutError:
            if not waiting.expired():
                raise
            raise Unavailable(
                "too many requests wait for their bodies, try again", retry_after=RETRY_SECONDS
            ) from None

    def _displace(self) -> None:
        longest = next(iter(self._waiting))
        del self._waiting[longest]
        longest.reschedule(asyncio.get_running_loop().time())
