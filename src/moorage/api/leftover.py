"""What a refused request still sends: read and dropped, so that a client that writes everything before it reads gets the answer."""

from __future__ import annotations

import contextlib

from moorage.api.body import DRAINED_BYTES
from moorage.api.exchange import Exchange
from moorage.errors import Unavailable


async def drop(exchange: Exchange) -> None:
    """Read the rest of the body, as far as a body of reasonable size and pace goes, and while there is a place for strangers."""
    # A client that sent `Expect` has not sent the body yet, and reading it would request it.
    waits = exchange.header(b"expect") is not None and not exchange.received
    if waits or not exchange.unread or (exchange.content_length or 0) > DRAINED_BYTES:
        return
    with contextlib.suppress(Unavailable):
        async with exchange.service.strangers.place():
            await exchange.body.drain()
