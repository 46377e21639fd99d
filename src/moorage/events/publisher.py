"""From handlers to the queue: a thread that commits all events that arrived since its last commit.

While the device syncs for one request, the events of others gather and are then synced together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final, get_args

from moorage.events.base import Action, Event, Source
from moorage.events.outages import Outages
from moorage.events.queue import Queue, QueueFull
from moorage.events.rows import Row
from moorage.wire import encode

log = logging.getLogger(__name__)

AT_ONCE: Final = 0.0
SOON_SECONDS: Final = 0.1
"""How long an event passed to `tell` waits for others at most."""
MOST_TOLD: Final = 5000
MOST_TOLD_BYTES: Final = 16 << 20
"""The most rows from `tell`, and the most bytes of their events, that wait to be stored; further ones are dropped."""
TOLD_PART: Final = 0.5
"""The part of an endpoint's share that events from `tell` may fill: anybody may pull, and must not make events of pushes get lost."""


@dataclass(frozen=True)
class Subscriber:
    """The name of an endpoint, and the media types and actions that it does not want."""

    name: str
    ignored_types: frozenset[str] = frozenset()
    ignored_actions: frozenset[str] = frozenset()

    def wants(self, event: Event) -> bool:
        return event.action not in self.ignored_actions and event.target.media_type not in self.ignored_types


@dataclass
class _Batch:
    """What the next commit stores, in order of arrival. `told` is the number of rows that no request waits for, and `told_bytes`
    the size of their events, each counted once."""

    rows: list[Row] = field(default_factory=list)
    told: int = 0
    told_bytes: int = 0
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.rows or self.dropped)


class Publisher:
    """An EventSink that stores events in the queue. Made inside the event loop that it serves, or before that runs."""

    def __init__(
        self,
        queue: Queue,
        subscribers: Sequence[Subscriber],
        source: Source,
        outages: Outages,
        *,
        references: bool = False,
        most_told: int = MOST_TOLD,
        most_told_bytes: int = MOST_TOLD_BYTES,
    ) -> None:
        """`subscribers`: at least one. The attribute `arrived` is called in the event loop after events were stored."""
        self._most_told = most_told
        self._most_told_bytes = most_told_bytes
        self.source = source
        self.references = references
        self.arrived: Callable[[], None] = lambda: None
        self._queue = queue
        self._subscribers = subscribers
        self._wanted = frozenset(get_args(Action)) - frozenset.intersection(
            *(one.ignored_actions for one in subscribers)
        )
        self._outages = outages
        self._batch = _Batch()
        self._lock = threading.Lock()
        self._signals: SimpleQueue[float] = SimpleQueue()
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def wants(self, action: Action) -> bool:
        return action in self._wanted

    async def write(self, events: Sequence[Event]) -> None:
        rows = [row for event in events for row in self._rows(event)]
        if not rows:
            return
        if self._ended:
            await self._write_late(rows)
            return
        try:
            kept = self._running().create_future()
        except RuntimeError as error:
            self._drop(rows, str(error))
            return
        with self._lock:
            batch = self._batch
            signal = not batch.waiting
            batch.rows += rows
            batch.waiting.append(kept)
        if signal:
            self._signals.put(AT_ONCE)
        await kept

    def tell(self, event: Event) -> None:
        rows = self._rows(event, TOLD_PART)
        if not rows or self._ended:
            return
        try:
            self._running()
        except RuntimeError as error:
            self._drop(rows, str(error))
            return
        with self._lock:
            batch = self._batch
            # Later events join the batch: a signal for each would make the thread take the GIL from the event loop for nothing.
            signal = not batch
            if batch.told < self._most_told and batch.told_bytes < self._most_told_bytes:
                batch.rows += rows
                batch.told += len(rows)
                batch.told_bytes += len(rows[0].event)
            else:
                batch.dropped.update(row.endpoint for row in rows)
        if signal:
            self._signals.put(SOON_SECONDS)

    async def close(self) -> None:
        """Store the events that were passed to `tell`, then stop."""
        self._ended = True
        self._signals.put(AT_ONCE)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _rows(self, event: Event, part: float = 1.0) -> list[Row]:
        names = [one.name for one in self._subscribers if one.wants(event)]
        if not names:
            return []
        data = encode(event)
        return [Row(name, event.target.repository, data, part) for name in names]

    def _running(self) -> asyncio.AbstractEventLoop:
        """The event loop, once the thread runs. Raises RuntimeError if the thread cannot be started; the next event tries again."""
        if self._loop is None:
            thread = threading.Thread(target=self._run, name="events", daemon=True)
            thread.start()
            self._thread, self._loop = thread, asyncio.get_running_loop()
        return self._loop

    async def _write_late(self, rows: list[Row]) -> None:
        try:
            await asyncio.to_thread(self._put, rows)
        except RuntimeError as error:
            self._drop(rows, str(error))

    def _drop(self, rows: list[Row], reason: str) -> None:
        """Count rows that no thread can store. Does not raise.

        This blocks the event loop for a commit without a sync: the only thread that could do it instead is the missing one.
        """
        lost = dict(Counter(row.endpoint for row in rows))
        try:
            for endpoint, count in lost.items():
                self._queue.dropped(endpoint, count)
            self._tell_of_loss("events are dropped: no thread can be started to keep them", lost, reason)
        except Exception:
            log.exception("events were lost", extra={"path": str(self._queue.path), "events": len(rows)})

    # Everything below runs in the thread, except `_done`, and `_tell_of_loss` when `_drop` calls it.

    def _run(self) -> None:
        while True:
            if seconds := self._signals.get():
                with contextlib.suppress(Empty):
                    self._signals.get(timeout=seconds)
            ended = self._ended
            with self._lock:
                batch, self._batch = self._batch, _Batch()
            if batch:
                self._keep(batch)
            if ended:
                return

    def _keep(self, batch: _Batch) -> None:
        """Store a batch. Waiting requests continue in any case: a push is not undone because its event cannot be stored."""
        try:
            for endpoint, count in batch.dropped.items():
                self._queue.dropped(endpoint, count)
            if batch.rows:
                self._put(batch.rows)
        finally:
            self._resolve(batch.waiting)

    def _put(self, rows: list[Row]) -> None:
        """Does not raise."""
        lost: dict[str, int] = {}
        try:
            try:
                self._queue.put(rows)
            except QueueFull as full:
                lost = full.lost
                self._tell_of_loss("events are dropped: the queue has no room for them", lost, full.reason)
            self._tell_of_end({row.endpoint for row in rows if row.endpoint not in lost})
        except Exception:
            log.exception("events were lost", extra={"path": str(self._queue.path), "events": len(rows)})

    def _resolve(self, waiting: list[asyncio.Future[None]]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._done, waiting)

    def _done(self, waiting: Iterable[asyncio.Future[None]]) -> None:
        """Runs in the event loop. A cancelled request no longer waits."""
        for kept in waiting:
            if not kept.done():
                kept.set_result(None)
        self.arrived()

    def _tell_of_loss(self, message: str, lost: dict[str, int], reason: str) -> None:
        if begun := self._outages.lost(lost):
            log.error(message, extra={"endpoints": begun, "path": str(self._queue.path), "reason": reason})

    def _tell_of_end(self, kept: set[str]) -> None:
        for over in self._outages.kept(kept):
            log.warning(
                "events are kept again",
                extra={"endpoint": over.endpoint, "path": str(self._queue.path), "dropped": over.lost},
            )
