"""An answer as a value, and the functions that send it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.types import Receive, Send

from moorage.drivers.base import Reader
from moorage.wire import encode

RawHeaders = list[tuple[bytes, bytes]]

API_VERSION: Final = (b"docker-distribution-api-version", b"registry/2.0")
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")

HELD_BYTES: Final = 64 << 10
"""A larger body is sent in pieces of at most that many bytes: handed over at once, it would wait in the server for a client that
does not take it, uncounted and without a time limit."""
HELD_PIECES: Final = 8
"""It becomes at least so many pieces. Over HTTP/2 the server takes five for a client that takes nothing."""


class ClientGone(Exception):
    """The client closed the connection, or stopped reading, before it had the whole answer."""


@dataclass(slots=True)
class Answer:
    """Status, headers, and either bytes or `[start, stop)` of an open file."""

    status: int
    headers: RawHeaders = field(default_factory=list)
    body: bytes = b""
    reader: Reader | None = None
    start: int = 0
    stop: int = 0
    logged: int = 0
    """The status for the access log, if it differs from `status`."""
    sent: int = 0
    """How many bytes of the body the server has accepted so far."""

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
        return cls.of(encode(value), b"application/json", status, headers)

    @classmethod
    def of(
        cls, body: bytes, content_type: bytes, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> Answer:
        length = b"%d" % len(body)
        return cls(status, [(b"content-type", content_type), (b"content-length", length), *headers], body)

    @classmethod
    def empty(cls, status: int, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
        return cls(status, [(b"content-length", b"0"), *headers])

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None


async def send_bytes(answer: Answer, send: Send, *, head: bool) -> None:
    """Send an answer that is in memory, at once."""
    body = b"" if head else answer.body
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": body})
    answer.sent = len(body)


async def send_file(answer: Answer, receive: Receive, send: Send, *, piece: int, seconds: float) -> None:
    """Send `[start, stop)` of the answer's open file in pieces, and count them in `sent`.

    Raises ClientGone when the client leaves or takes nothing for `seconds` (at the latest after twice as many), unless the
    answer is a single piece. Raises DriverError when the file ends early: the server then breaks the connection, so that the
    client does not take a part for the whole.
    """
    assert answer.reader is not None
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    position, stop = answer.start, answer.stop
    if stop - position <= piece:
        async for part in answer.reader.stream(position, stop, piece):
            position += len(part)
            await send({"type": "http.response.body", "body": part, "more_body": position < stop})
            answer.sent = position - answer.start
        if stop == answer.start:
            await send({"type": "http.response.body", "body": b""})
        return
    async with Watch(receive, seconds) as watch:
        async for part in answer.reader.stream(position, stop, piece):
            position += len(part)
            watch.last = position == stop
            await send({"type": "http.response.body", "body": part, "more_body": not watch.last})
            watch.moved = True
            answer.sent = position - answer.start
            # `send` may return without yielding to the event loop; other requests get their turn here.
            await asyncio.sleep(0)


class Watch:
    """A block that is cancelled and raises ClientGone when the client has gone: the server silently accepts what is sent to a closed
    connection. With `seconds` also when `moved` was not set for so long, at the latest after twice as many.

    One timer and one task serve the whole answer, because a timeout around each piece would cost as much as the piece."""

    def __init__(self, receive: Receive, seconds: float | None = None) -> None:
        self._receive = receive
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self.moved = False
        self.last = False
        """Whether the end of the answer is on its way: a client that closes the connection now may have all of it."""

    async def __aenter__(self) -> Watch:
        self._loop = asyncio.get_running_loop()
        self._sender = asyncio.current_task()
        self._gone = asyncio.ensure_future(self._disconnected())
        self._set_timer()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._gone.done():
            self._gone.cancel()
        if self._ended and kind is asyncio.CancelledError and self._sender and not self._sender.uncancel():
            raise ClientGone from None

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self.last:
            self._end()

    def _set_timer(self) -> None:
        if self._seconds is not None:
            self._timer = self._loop.call_later(self._seconds, self._check)

    def _check(self) -> None:
        if not self.moved:
            self._end()
        self.moved = False
        self._set_timer()

    def _end(self) -> None:
        if self._sender and not self._ended:
            self._ended = True
            self._sender.cancel()
