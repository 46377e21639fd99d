"""The body of a request, streamed, and cut off when it stalls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.types import Message, Receive

from moorage.api.limits import Limits
from moorage.errors import BodyEnded, RegistryError, RequestTimeout, Unavailable

RATE_SECONDS = 60.0
DRAINED_BYTES = 32 << 20
DRAIN_SECONDS = 2.0


class BodyTooLarge(Exception):
    """The body is larger than the handler takes."""


class Body:
    """An asynchronous iterable of pieces, to be iterated once.

    Raises BodyEnded when the connection ends, and RequestTimeout when nothing arrives for `limits.body_seconds`, or less than
    `limits.minimum_rate` bytes per second over a minute. `received`: bytes so far."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self.finished = False
        self.received = 0
        self._first = b""

    async def begins(self) -> bool:
        """Wait for the first bytes, which are kept for the iteration; whether there are any. Raises what the iteration raises."""
        async for piece in self:
            self._first = piece
            return True
        return False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        patience = Patience(self._limits.body_seconds)
        since, before = patience.clock(), self.received
        try:
            if self._first:
                first, self._first = self._first, b""
                yield first
                del first
            while not self.finished:
                message = await patience.wait(self._receive())
                if message["type"] == "http.disconnect":
                    raise BodyEnded
                self.finished = not message.get("more_body", False)
                piece = message.get("body", b"")
                self.received += len(piece)
                if piece:
                    # Keep no reference to a piece while waiting for the next: many requests may wait for a long time.
                    del message
                    yield piece
                    del piece
                elapsed = patience.clock() - since
                if elapsed > RATE_SECONDS:
                    if self.received - before < elapsed * self._limits.minimum_rate:
                        raise RequestTimeout(
                            f"less than {self._limits.minimum_rate} bytes per second over a minute "
                            "(http.limits.minrate)"
                        )
                    since, before = patience.clock(), self.received
        finally:
            patience.end()

    async def read(self, limit: int, grow: Callable[[int], None] = lambda size: None) -> bytes:
        """The whole body. `grow` is called with the size so far after each piece, and raises Unavailable when that is too much.
        Raises BodyTooLarge as soon as the body is larger than `limit`."""
        # Not a list of pieces: they may be so small that each takes much more memory than its bytes.
        whole = bytearray()
        try:
            async for piece in self:
                whole += piece
                del piece
                if len(whole) > limit:
                    raise BodyTooLarge
                grow(len(whole))
            return bytes(whole)
        except Unavailable:
            whole.clear()
            await self.drain()
            raise
        finally:
            # An error keeps this frame alive while the rest of the body is drained.
            whole.clear()

    async def drain(self) -> None:
        """Read and drop the rest of a body of reasonable size, so that a client which writes everything before it reads gets
        the answer instead of a broken connection."""
        if self.finished:
            return
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async for piece in self:
                    size += len(piece)
                    del piece
                    if size > DRAINED_BYTES:
                        return
        except (TimeoutError, RegistryError):
            return


class Patience:
    """Waits for messages, at most `seconds` for each. One timer serves all of them: a gigabyte arrives in thirty thousand
    pieces, and a timeout around each would cost as much as the piece."""

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self._seconds = seconds
        self._task = asyncio.current_task()
        self._began: float | None = None
        self._over = False
        self._timer = loop.call_later(seconds, self._look)

    async def wait(self, message: Awaitable[Message]) -> Message:
        """Raises RequestTimeout."""
        self._began = self.clock()
        try:
            return await message
        except asyncio.CancelledError:
            if self._over and self._task is not None and not self._task.uncancel():
                raise RequestTimeout(
                    f"no byte of the body for {self._seconds:g}s (http.limits.bodytimeout)"
                ) from None
            raise
        finally:
            self._began = None

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        now = self.clock()
        left = self._seconds if self._began is None else self._began + self._seconds - now
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
        elif self._task is not None:
            self._over = True
            self._task.cancel()
