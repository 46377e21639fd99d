"""One attempt to send events, from an endpoint that a test makes up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from moorage.events.endpoint import Endpoint
from moorage.events.outcome import Sent
from moorage.events.sending import Sender
from tests.events.listener import Listener
from tests.events.making import kept

HEADERS = (("Authorization", "Bearer secret"), ("X-Site", "one"), ("X-Site", "two"))


def endpoint(listener: Listener | None = None, **changes: Any) -> Endpoint:
    """One that waits for thirty seconds."""
    url = listener.url if listener else "http://localhost"
    return replace(Endpoint(name="hook", url=url, timeout=30.0), **changes)


async def send(endpoint: Endpoint, *events: bytes) -> Sent:
    """Without events, one is made."""
    sender = Sender(endpoint)
    try:
        return await sender.send(events or [kept()])
    finally:
        await sender.close()
