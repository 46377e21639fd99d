"""Delivering by hand what waits now: here if no server does it, else by asking the one that does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from moorage.events.endpoint import Endpoint
from moorage.events.queue import Counts, Kept, Queue
from moorage.events.sending import Sender

LOOK_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 10.0
"""How long a server may take to begin, besides the time that an endpoint has for its answer."""

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Replayed:
    """`waiting` of the events that waited when it began do so still, for `reason`."""

    endpoint: str
    delivered: int
    waiting: int
    reason: str = ""


async def deliver(queue: Queue, endpoint: Endpoint, advance: Advance) -> Replayed:
    """Send what waits now, until all is delivered or the endpoint does not take something. Only for who holds the lock of delivery.
    Raises QueueError."""
    sender = Sender(endpoint)
    name = endpoint.name
    wanted, delivered = _waiting(queue, name), 0
    try:
        while delivered < wanted:
            kept = await asyncio.to_thread(queue.first, name, min(endpoint.batch, wanted - delivered))
            if not kept:
                break
            if reason := await _send(queue, sender, name, kept):
                return Replayed(name, delivered, wanted - delivered, reason)
            delivered += len(kept)
            advance(len(kept))
    finally:
        await sender.close()
    return Replayed(name, delivered, 0)


async def _send(queue: Queue, sender: Sender, name: str, kept: list[Kept]) -> str:
    """Why it was not taken; empty if it was."""
    sent = await sender.send([one.event for one in kept])
    if sent.delivered:
        await asyncio.to_thread(queue.delivered, name, [one.number for one in kept], sent.status)
        return ""
    await asyncio.to_thread(queue.failed, name, sent.status)
    return sent.reason


async def ask(queue: Queue, endpoint: Endpoint, advance: Advance) -> Replayed:
    """Have the server send it, and watch. Raises QueueError."""
    name = endpoint.name
    wanted, before = _waiting(queue, name), _counts(queue, name)
    await asyncio.to_thread(queue.hurry, name)
    done, heard = 0, time.monotonic()
    while done < wanted:
        await asyncio.sleep(LOOK_SECONDS)
        now = await asyncio.to_thread(_counts, queue, name)
        gone = min(wanted, now.successes - before.successes + now.dropped - before.dropped)
        if gone > done:
            advance(gone - done)
            done, heard = gone, time.monotonic()
        failures = now.failures + now.errors - before.failures - before.errors
        if done < wanted and failures:
            return Replayed(name, done, wanted - done, _reason(before, now))
        if time.monotonic() - heard > PATIENCE_SECONDS + endpoint.timeout:
            return Replayed(name, done, wanted - done, "the server that delivers does not get on")
    return Replayed(name, done, 0)


def _waiting(queue: Queue, name: str) -> int:
    found = queue.waiting().get(name)
    return found.count if found else 0


def _counts(queue: Queue, name: str) -> Counts:
    return queue.counts().get(name, Counts())


def _reason(before: Counts, now: Counts) -> str:
    if now.errors > before.errors:
        return "no answer; the server's log says more"
    statuses = [
        status
        for status, count in now.statuses.items()
        if count > before.statuses.get(status, 0) and not status.startswith(("2", "3"))
    ]
    return f"it answers {', '.join(statuses)}"
