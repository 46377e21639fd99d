"""Tracks which connections have a request in flight, so that `idle` can end the others."""

from __future__ import annotations

import time
from typing import Final, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Peer: TypeAlias = tuple[str, str]
"""Address and port of the client, as text. They identify a connection to one listening address."""

CLOSE: Final = (b"connection", b"close")


class Connections:
    """An ASGI middleware that keeps track of requests in flight.

    `busy` counts the requests in flight on each connection that has any. `quiet` holds the time (time.monotonic) at which
    a connection's last request ended, until `idle` removes it. Other threads may read both.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self.busy: dict[Peer, int] = {}
        self.quiet: dict[Peer, float] = {}
        self.closing = False
        """Whether to ask clients to use another connection for their next request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        peer: Peer = scope["client"]
        self.busy[peer] = self.busy.get(peer, 0) + 1
        try:
            # HTTP/2 has no such header: its connections get a GOAWAY frame when the worker ends.
            if self.closing and scope["http_version"] != "2":
                send = _closing(send)
            await self._application(scope, receive, send)
        finally:
            left = self.busy[peer] - 1
            if left:
                self.busy[peer] = left
            else:
                self.quiet[peer] = time.monotonic()
                del self.busy[peer]


def _closing(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
        await send(message)

    return closing
