"""The body of a request, streamed, and cut off when it stalls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from starlette.types import Message, Receive

from moorage.api.limits import Limits
from moorage.errors import BodyEnded, RegistryError, RequestTimeout, Unavailable

RATE_SECONDS = 60.0
DRAINED_BYTES = 32 << 20
DRAIN_SECONDS = 2.0
STOPPED_SECONDS: Final = 2
"""When to come again to a server that stops: another one may have its place by then."""


class BodyTooLarge(Exception):
    """The body is larger than the handler takes."""


class Body:
    """An asynchronous iterable of pieces. An iteration goes on where the last one ended.

    Raises BodyEnded when the connection ends, and RequestTimeout when nothing arrives for `limits.body_seconds`, or less than
    `limits.minimum_rate` bytes per second over a minute, and Unavailable when the server stops. `received`: bytes so far."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive = receive
        self._limits = limits
        self.finished = False
        self.received = 0
        self._first = b""

    async def begins(self) -> bool:
        """Wait for the first bytes, which are kept for the iteration; whether there are any. Raises what the iteration raises."""
        async with aclosing(aiter(self)) as pieces:
            async for piece in pieces:
                self._first = piece
                return True
        return False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        patience = Patience(self._limits.body_seconds)
        since, before = patience.clock(), self.received
        try:
            if self._first:
                first, self._first = self._first, b""
                yield first
                del first
            while not self.finished:
                message = await patience.wait(self._receive)
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
            async with aclosing(aiter(self)) as pieces:
                async for piece in pieces:
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
            async with asyncio.timeout(DRAIN_SECONDS), aclosing(aiter(self)) as pieces:
                async for piece in pieces:
                    size += len(piece)
                    del piece
                    if size > DRAINED_BYTES:
                        return
        except (TimeoutError, RegistryError):
            return


class Patience:
    """Waits for messages, at most `seconds` for each. One timer serves all of them: a gigabyte arrives in thirty thousand
    pieces, and a timeout around each would cost as much as the piece. The server's stop ends the waiting too."""

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self._seconds = seconds
        self._task = asyncio.current_task()
        self._began: float | None = None
        self._over: Callable[[], RegistryError] | None = reading.over
        self._timer = loop.call_later(seconds, self._look)
        reading.waits.add(self)

    async def wait(self, receive: Receive) -> Message:
        """The next message. Raises RequestTimeout, and Unavailable when the server stops."""
        if self._over is not None:
            raise self._over()
        self._began = self.clock()
        try:
            return await receive()
        except asyncio.CancelledError:
            if self._over is not None and self._task is not None and not self._task.uncancel():
                raise self._over() from None
            raise
        finally:
            self._began = None

    def end(self) -> None:
        self._timer.cancel()
        reading.waits.discard(self)

    def break_off(self, error: Callable[[], RegistryError]) -> None:
        """Have the present wait raise `error`, or else the next one: what is done between waits is not disturbed."""
        if self._over is None:
            self._over = error
            if self._began is not None and self._task is not None:
                self._task.cancel()

    def _look(self) -> None:
        now = self.clock()
        left = self._seconds if self._began is None else self._began + self._seconds - now
        if left > 0:
            self._timer = asyncio.get_running_loop().call_later(left, self._look)
        else:
            self.break_off(self._timeout)

    def _timeout(self) -> RegistryError:
        return RequestTimeout(f"no byte of the body for {self._seconds:g}s (http.limits.bodytimeout)")


class Reading:
    """The bodies that this process reads."""

    def __init__(self) -> None:
        self.waits: set[Patience] = set()
        self.over: Callable[[], RegistryError] | None = None

    def end(self) -> int:
        """End the bodies that have not come whole, and all later ones, with Unavailable: whoever reads one keeps what has arrived of
        it. Returns the number of those that were being read. Call this in the thread of the event loop."""
        self.over = _stopped
        for wait in self.waits:
            wait.break_off(_stopped)
        return len(self.waits)


def _stopped() -> RegistryError:
    return Unavailable("the registry stops, try again", retry_after=STOPPED_SECONDS)


reading: Final = Reading()
