"""Delivers waiting events on demand: in this process if no server does it, otherwise by asking the server that does."""

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
"""How long a server may make no progress, in addition to the endpoint's timeout."""

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Replayed:
    """The outcome: `waiting` of the events that waited at the beginning still do, for `reason`."""

    endpoint: str
    delivered: int
    waiting: int
    reason: str = ""


async def deliver(queue: Queue, endpoint: Endpoint, advance: Advance) -> Replayed:
    """Send what waits now, until everything is delivered or the endpoint fails. The caller must hold the lock of delivery.
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
    """Send events. Returns why they were not accepted; empty if they were."""
    sent = await sender.send([one.event for one in kept])
    if sent.delivered:
        await asyncio.to_thread(queue.delivered, name, [one.number for one in kept], sent.status)
        return ""
    await asyncio.to_thread(queue.failed, name, sent.status)
    return sent.reason


async def ask(queue: Queue, endpoint: Endpoint, advance: Advance) -> Replayed:
    """Have the server send what waits, and watch its progress. Raises QueueError."""
    name = endpoint.name
    now = before = _counts(queue, name)
    # Events are numbered in the order of storing: those that are stored from now on are beyond this number.
    last = before.events
    wanted = waiting = _waiting_up_to(queue, name, last)
    await asyncio.to_thread(queue.hurry, name)
    heard, reason = time.monotonic(), ""
    while waiting and not reason:
        await asyncio.sleep(LOOK_SECONDS)
        # In this order, so that the counts include every event that is no longer there.
        left = await asyncio.to_thread(_waiting_up_to, queue, name, last)
        now = await asyncio.to_thread(_counts, queue, name)
        if left < waiting:
            advance(waiting - left)
            waiting, heard = left, time.monotonic()
        if now.failures + now.errors > before.failures + before.errors:
            reason = _reason(before, now)
        elif time.monotonic() - heard > PATIENCE_SECONDS + endpoint.timeout:
            reason = "the server that delivers does not get on"
    # An event may also have left because it was dropped, and later ones may have been delivered.
    delivered = min(wanted - waiting, now.successes - before.successes)
    return Replayed(name, delivered, waiting, reason if waiting else "")


def _waiting(queue: Queue, name: str) -> int:
    found = queue.waiting().get(name)
    return found.count if found else 0


def _waiting_up_to(queue: Queue, name: str, last: int) -> int:
    """The number of waiting events up to the number `last`. Events leave the queue from its front, so those that wait are consecutive."""
    first = queue.first(name, 1)
    return max(0, last - first[0].number + 1) if first else 0


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
