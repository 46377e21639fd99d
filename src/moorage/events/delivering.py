"""Delivery by one process of a node, so that events stay in order. Another process takes over when it dies."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence
from typing import Final

from moorage.events.bell import Bell
from moorage.events.delivery import Delivery
from moorage.events.endpoint import Endpoint
from moorage.events.queue import Queue, QueueError
from moorage.leadership import Leadership

log = logging.getLogger(__name__)

ELECTION_SECONDS: Final = 1.0
LISTEN_SECONDS: Final = 0.05
"""How often the deliverer checks whether another worker has stored events, which costs reading one byte."""
LOOK_LISTENS: Final = 20
"""After so many checks it looks into the queue itself, for events of processes other than the workers of its server."""


class Deliverer:
    def __init__(
        self,
        queue: Queue,
        endpoints: Sequence[Endpoint],
        leadership: Leadership,
        bell: Bell,
    ) -> None:
        """`leadership`: shared by all processes of the queue. Raises ValueError for an invalid URL or secret."""
        self._queue = queue
        self._deliveries = {endpoint.name: Delivery(endpoint, queue) for endpoint in endpoints}
        self._leadership = leadership
        self._bell = bell
        self._delivers = False

    async def run(self) -> None:
        """Wait until this process may deliver, then deliver forever."""
        await self._leadership.won(ELECTION_SECONDS)
        self._delivers = True
        while True:
            try:
                await self._deliver()
            except Exception:
                log.exception("delivery of events failed, and begins again")
            await asyncio.sleep(ELECTION_SECONDS)

    async def _deliver(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for delivery in self._deliveries.values():
                tasks.create_task(delivery.run())
            tasks.create_task(self._listen())

    def arrived(self) -> None:
        """Call this after this process has stored events."""
        if self._delivers:
            self._wake()
        else:
            self._bell.ring()

    def _wake(self) -> None:
        for delivery in self._deliveries.values():
            delivery.wake()

    async def _listen(self) -> None:
        watch = self._queue.watch()
        hurries: dict[str, int] = {}
        for turn in itertools.count():
            if self._bell.heard():
                self._wake()
            if turn % LOOK_LISTENS == 0 and await asyncio.to_thread(watch.changed):
                self._wake()
                hurries = await self._hurries(hurries)
            await asyncio.sleep(LISTEN_SECONDS)

    async def _hurries(self, before: dict[str, int]) -> dict[str, int]:
        try:
            found = await asyncio.to_thread(self._queue.hurries)
        except QueueError as error:
            log.debug("queue of events cannot be read", extra={"reason": error.reason})
            return before
        for name, delivery in self._deliveries.items():
            if found.get(name, 0) > before.get(name, 0):
                delivery.hurry()
        return found
