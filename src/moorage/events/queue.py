"""Events that wait for their endpoints, on disk: one queue for all processes of a node.

Each endpoint may fill only its share of the queue, so that one that is down for long leaves room for the others.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from moorage.events import rows
from moorage.events.database import (
    PAGE_BYTES,
    Connection,
    Database,
    NotNow,
    NotOwned,
    QueueDamaged,
    QueueError,
    QueueFull,
    changing,
    reason,
)
from moorage.events.locking import Lock
from moorage.events.pending import Fate, Pending
from moorage.events.rows import Counts, Kept, Row, Waiting
from moorage.events.unwritten import Unwritten
from moorage.locks import LONGEST_PAUSE

__all__ = [
    "Counts",
    "Kept",
    "NotOwned",
    "Queue",
    "QueueDamaged",
    "QueueError",
    "QueueFull",
    "Row",
    "Waiting",
    "Watch",
]

DROPPED_AT_ONCE: Final = 1000
"""Rows per transaction: the write-ahead log grows with a transaction, and other writers wait for it."""

FILLING: Final = 0.75
"""The fraction of the file's pages that events are assumed to fill."""


class Queue:
    """The queue. Methods may be called from several threads, and may block on a device or another process."""

    def __init__(
        self,
        path: Path,
        *,
        limit: int,
        shares: int = 1,
        check: bool = False,
        mend: bool = True,
        unwritten: Unwritten | None = None,
    ) -> None:
        """`limit`: bytes on disk. `shares`: the number of endpoints, each of which may take its share. `check`: read the file, unless
        it is large, to verify that it is sound. `mend`: move a damaged file aside. `unwritten`: shared with other processes that
        use the queue; else this process alone knows what it could not write. On a full disk, or while a stopped
        process keeps it locked, the queue is opened as soon as that has passed. Raises QueueError, QueueDamaged, NotOwned."""
        self.path = path
        self._limit = limit
        self._shares = max(1, shares)
        self._mend = mend
        self._pending = Pending(self._settle)
        self._unwritten = Unwritten() if unwritten is None else unwritten
        self._lock = Lock(path)
        self._opening = threading.Lock()
        self._opened: _Opened | None = None
        with contextlib.suppress(NotNow):
            self._open(check=check)

    def put(self, events: Sequence[Row]) -> None:
        """Store events; they are durable on return. Raises QueueFull if some could not be
        stored, for whatever reason; these are counted as dropped."""
        try:
            opened = self._open()
            with opened.putting.alone() as connection:
                lost = rows.insert(connection, events, opened.share)
            opened.database.sync()
        except (sqlite3.Error, OSError, QueueError) as error:
            lost = Counter(row.endpoint for row in events)
            for endpoint, count in lost.items():
                self.dropped(endpoint, count)
            raise QueueFull(self.path, _reason(error), dict(lost)) from None
        if lost:
            raise QueueFull(self.path, "as many events wait as may", dict(lost))

    def first(self, endpoint: str, count: int) -> list[Kept]:
        """The oldest waiting events of an endpoint, at most `count`. Raises QueueError."""
        more = count + len(self._pending.gone(endpoint))
        with self._reading() as connection:
            kept = rows.first(connection, endpoint, more)
        return self._pending.without_gone(endpoint, kept)[:count]

    def delivered(self, endpoint: str, numbers: Sequence[int], status: str) -> None:
        """Remove and count delivered events. After a power cut they may be back. Does not raise: what cannot be written is remembered
        and retried with the next outcome."""
        count = len(numbers)
        self._pending.add(Fate(endpoint, numbers, Counter({"successes": count}), Counter({status: count})))

    def failed(self, endpoint: str, status: str) -> None:
        """Count a failed attempt. `status`: as in `500 Internal Server Error`, empty for no response. Does not raise."""
        fate = Fate(endpoint, sums=Counter({"failures" if status else "errors": 1}))
        if status:
            fate.statuses[status] = 1
        self._pending.add(fate)

    def dropped(self, endpoint: str, count: int) -> None:
        """Count events that were not stored. Does not raise."""
        self._pending.add(Fate(endpoint, sums=Counter({"dropped": count})))

    def waiting(self) -> dict[str, Waiting]:
        """What waits, by endpoint, including endpoints that are no longer configured. Raises QueueError."""
        with self._reading() as connection:
            return rows.waiting(connection)

    def counts(self) -> dict[str, Counts]:
        """The counts by endpoint. Raises QueueError."""
        return self._unwritten.added_to(self._written_counts)

    def drop(self, endpoint: str | None, before: float | None) -> int:
        """Remove waiting events, of one endpoint or all, optionally only those stored before a moment. They are counted as dropped.
        Returns their number. Raises QueueError."""
        count = 0
        while True:
            with self._guarded(), self._open().other().writing() as connection:
                dropped = rows.drop(connection, endpoint, before, DROPPED_AT_ONCE)
            if not dropped:
                return count
            count += dropped
            # Writers wait by polling: let each of them have its turn.
            time.sleep(2 * LONGEST_PAUSE)

    def hurry(self, endpoint: str | None) -> None:
        """Ask the delivering process to try at once, for one endpoint or all. Raises QueueError."""
        with self._guarded(), self._open().other().writing() as connection:
            rows.hurry(connection, endpoint)

    def hurries(self) -> dict[str, int]:
        """How often `hurry` was called, by endpoint. Raises QueueError."""
        with self._reading() as connection:
            return rows.hurries(connection)

    def watch(self) -> Watch:
        return Watch(self)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Exclude all writers, in any process. Do not call other methods of the queue inside. If the queue cannot be opened, for
        example for lack of room, or locked, this excludes no writer."""
        with contextlib.ExitStack() as held:
            with contextlib.suppress(QueueError, OSError):
                held.enter_context(self._open().database.alone())
            yield

    def connection(self) -> Connection:
        """A separate connection for another kind of work. Raises QueueError."""
        with self._guarded():
            return self._open().database.connect()

    def close(self) -> None:
        self._pending.flush()
        with self._opening:
            if self._opened is not None:
                self._opened.database.close()

    def _open(self, *, check: bool = False) -> _Opened:
        with self._opening:
            if self._opened is None:
                database = Database(self.path, self._lock, limit=self._limit, check=check, mend=self._mend)
                self._opened = _Opened(database, self._shares)
            return self._opened

    def _written_counts(self) -> dict[str, Counts]:
        with self._reading() as connection:
            return rows.counts(connection)

    def _settle(self, earlier: Mapping[str, Sequence[int]], fate: Fate | None) -> bool:
        """Remove the events that were delivered `earlier`, write what any worker could not write before, and the fate. Returns whether
        that worked; the fate is counted in any case."""
        if fate is None and not earlier and self._unwritten.empty:
            return True
        try:
            with self._open().other().alone() as connection:
                return self._settle_alone(connection, earlier, fate)
        except (sqlite3.Error, OSError, QueueError):
            self._not_written(fate)
            return False

    def _settle_alone(
        self, connection: sqlite3.Connection, earlier: Mapping[str, Sequence[int]], fate: Fate | None
    ) -> bool:
        """Does not raise."""
        try:
            with self._unwritten.writing() as counts, changing(connection):
                for endpoint, (sums, statuses) in counts.items():
                    rows.add(connection, endpoint, sums, statuses)
                if fate is not None:
                    rows.add(connection, fate.endpoint, fate.sums, fate.statuses)
                    earlier = {**earlier, fate.endpoint: [*earlier.get(fate.endpoint, ()), *fate.numbers]}
                for endpoint, numbers in earlier.items():
                    dropped = len(numbers) - rows.remove(connection, endpoint, numbers)
                    if dropped:
                        # While they were being sent, or before they could be removed: they are counted already.
                        rows.add(connection, endpoint, {"successes": -dropped}, {})
        except (sqlite3.Error, OSError):
            self._not_written(fate)
            return False
        return True

    def _not_written(self, fate: Fate | None) -> None:
        if fate is not None:
            self._unwritten.add(fate.endpoint, fate.sums, fate.statuses)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._guarded(), self._open().other().reading() as connection:
            yield connection

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise QueueError(self.path, reason(error)) from None


class _Opened:
    """The open file, with one connection that stores events and another for everything else, made when it is needed."""

    def __init__(self, database: Database, shares: int) -> None:
        self.database = database
        self.share = int(database.pages * PAGE_BYTES * FILLING) // shares
        self.putting = database.connect()
        self._other: Connection | None = None
        self._making = threading.Lock()

    def other(self) -> Connection:
        """The connection for everything else. Raises sqlite3.Error, OSError."""
        with self._making:
            if self._other is None:
                self._other = self.database.connect()
            return self._other


class Watch:
    """Detects within microseconds whether others have written to the queue, through a connection of its own."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._connection: Connection | None = None
        self._version = 0

    def changed(self) -> bool:
        """Whether the queue has changed since the last call; True if that cannot be found out."""
        try:
            self._connection = self._connection or self._queue.connection()
            with self._connection.reading() as connection:
                (version,) = connection.execute("PRAGMA data_version").fetchone()
        except (sqlite3.Error, QueueError):
            return True
        before, self._version = self._version, int(version)
        return before != self._version


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, QueueError) else reason(error)
