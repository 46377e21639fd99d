"""Delivery to one endpoint: at least once, in the order in which events were stored, one request at a time, for as long as it takes.

An event leaves the queue once the endpoint has accepted it. If the process dies in between, the event is sent again, and the
listener recognizes it by its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from typing import Final, TypeVar

from moorage.events.circuit import Circuit
from moorage.events.complaints import Complaints
from moorage.events.endpoint import Endpoint
from moorage.events.outcome import Sent
from moorage.events.queue import Kept, Queue
from moorage.events.sending import Sender

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often to look into the queue without having been woken."""
AHEAD: Final = 50
AHEAD_SECONDS: Final = 0.1
"""For how many events, and for how long, requests follow each other without a look into the queue. As many may be sent again after
a crash."""
BROKEN_SECONDS: Final = 5.0
"""The wait after an error that the endpoint did not cause."""

T = TypeVar("T")


class Delivery:
    """Delivers to one endpoint. Events that it does not accept stay in the queue and are retried."""

    def __init__(self, endpoint: Endpoint, queue: Queue) -> None:
        """Raises ValueError for an invalid URL or secret."""
        self._endpoint = endpoint
        self._queue = queue
        self._sender = Sender(endpoint)
        self._circuit = Circuit(endpoint.threshold, endpoint.backoff, endpoint.maxbackoff)
        self._news = asyncio.Event()
        self._now = asyncio.Event()
        self._broken = False
        self._complaints = Complaints(endpoint)

    def wake(self) -> None:
        """Look into the queue now, unless the endpoint is failing. Call this in the event loop."""
        self._news.set()

    def hurry(self) -> None:
        """Try now, even if the endpoint failed a moment ago. Call this in the event loop."""
        self._now.set()
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                await self._pause(await self._turn())
        finally:
            await self._sender.close()

    async def _turn(self) -> float:
        """Look into the queue and send what is there. Returns the seconds to wait before the next turn.

        Does not raise: neither an unreadable queue nor a bug may end the delivery.
        """
        try:
            seconds = await self._deliver()
        except Exception:
            if not self._broken:
                log.exception(
                    "delivery of events is broken, and goes on trying",
                    extra={"endpoint": self._endpoint.name},
                )
            self._broken = True
            return BROKEN_SECONDS
        self._broken = False
        return seconds

    async def _deliver(self) -> float:
        self._news.clear()
        self._now.clear()
        count = max(self._endpoint.batch, AHEAD)
        kept = await asyncio.to_thread(self._queue.first, self._endpoint.name, count)
        if not kept:
            await _within(LOOK_SECONDS, self._news)
            return 0.0
        taken: dict[str, list[int]] = {}
        try:
            return await self._send(kept, taken)
        finally:
            await self._remove(taken)

    async def _send(self, kept: list[Kept], taken: dict[str, list[int]]) -> float:
        """Send until the endpoint fails or the time is up. Puts the numbers of accepted events into `taken`, by response status."""
        clock = asyncio.get_running_loop().time
        until = clock() + AHEAD_SECONDS
        for start in range(0, len(kept), self._endpoint.batch):
            some = kept[start : start + self._endpoint.batch]
            sent = await self._sender.send([one.event for one in some])
            if not sent.delivered:
                await asyncio.to_thread(self._queue.failed, self._endpoint.name, sent.status)
                return self._failed(sent)
            taken.setdefault(sent.status, []).extend(one.number for one in some)
            self._circuit.worked()
            if clock() >= until or self._complaints.told:
                break
        return 0.0

    async def _remove(self, taken: dict[str, list[int]]) -> None:
        """Remove accepted events from the queue, even when cancelled; otherwise they would be sent again."""
        for status, numbers in taken.items():
            await _finished(asyncio.to_thread(self._queue.delivered, self._endpoint.name, numbers, status))
        if self._complaints.told and not self._circuit.failures:
            waiting = (await asyncio.to_thread(self._queue.waiting)).get(self._endpoint.name)
            self._complaints.ended(waiting.count if waiting else 0)

    def _failed(self, sent: Sent) -> float:
        """Note a failure. Returns the seconds to wait."""
        circuit = self._circuit
        seconds = circuit.failed(sent.wait_seconds)
        self._complaints.failed(sent.reason, circuit.failures, seconds, backing_off=circuit.open)
        return seconds

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await _within(seconds, self._now)


async def _within(seconds: float, event: asyncio.Event) -> None:
    # In Python 3.11, `asyncio.wait_for` may swallow a cancellation.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _finished(work: Awaitable[T]) -> T:
    """Await the work, and let it finish before passing on a cancellation."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
