"""The body of a request: streamed, and cut off when it stalls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.types import Receive

from moorage.api.limits import Limits
from moorage.errors import BodyEnded, ManifestTooLarge, RegistryError, RequestTimeout

RATE_SECONDS = 60.0
DRAINED_BYTES = 32 << 20
DRAIN_SECONDS = 2.0


class Body:
    """Iterate once. Raises BodyEnded when the connection ends, RequestTimeout when nothing comes for
    `limits.body_seconds`, or less than `limits.minimum_rate` bytes per second over a minute."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self.finished = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        since, received = time.monotonic(), 0
        while not self.finished:
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    message = await self._receive()
            except TimeoutError:
                raise RequestTimeout from None
            if message["type"] == "http.disconnect":
                raise BodyEnded
            self.finished = not message.get("more_body", False)
            piece = message.get("body", b"")
            received += len(piece)
            if piece:
                yield piece
            elapsed = time.monotonic() - since
            if elapsed > RATE_SECONDS:
                if received < elapsed * self._limits.minimum_rate:
                    raise RequestTimeout
                since, received = time.monotonic(), 0

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises ManifestTooLarge as soon as it exceeds `limit` bytes."""
        parts, size = [], 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                raise ManifestTooLarge(f"the manifest is larger than {limit} bytes")
            parts.append(piece)
        return b"".join(parts)

    async def drain(self) -> None:
        """Take what is left of a body of sensible size, so that a client which writes all before it reads gets the
        answer instead of a broken connection."""
        if self.finished:
            return
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async for piece in self:
                    size += len(piece)
                    if size > DRAINED_BYTES:
                        return
        except (TimeoutError, RegistryError):
            return
