"""The tables of the queue, and the SQL that reads and writes them. Functions take a connection and raise sqlite3.Error.

A row of `event` is one event for one endpoint. Its `place` combines the endpoint's id with a number that grows by one with each
event of the endpoint and is never reused: so a single B-tree holds each endpoint's events together and in order.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

SCHEMA: Final = """
CREATE TABLE endpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kept INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, successes INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, errors INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
    hurries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE status (
    endpoint INTEGER NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (endpoint, status))
    WITHOUT ROWID;
CREATE TABLE event (
    place INTEGER PRIMARY KEY, repository TEXT NOT NULL, event BLOB NOT NULL, moment REAL NOT NULL);
CREATE TRIGGER event_kept AFTER INSERT ON event BEGIN
    UPDATE endpoint SET kept = kept + 1, waiting = waiting + 1,
        bytes = bytes + length(CAST(NEW.repository AS BLOB)) + length(NEW.event) + 64
    WHERE id = NEW.place >> 40;
END;
CREATE TRIGGER event_gone AFTER DELETE ON event BEGIN
    UPDATE endpoint SET waiting = waiting - 1,
        bytes = bytes - length(CAST(OLD.repository AS BLOB)) - length(OLD.event) - 64
    WHERE id = OLD.place >> 40;
END;
"""
"""A row of `event` is assumed to take 64 bytes besides its texts. The low 40 bits of its place are its number."""

_INSERT: Final = """
INSERT INTO event SELECT (id << 40) + kept + 1, ?2, ?3, ?4 FROM endpoint
WHERE name = ?1 AND bytes + length(CAST(?2 AS BLOB)) + length(?3) + 64 <= ?5
"""
_BITS: Final = 40


class Row(NamedTuple):
    """One event for one endpoint. `event`: the JSON of an `Event`. `part`: how much of the endpoint's share of the queue may be
    full with this event in it, from 0 to 1."""

    endpoint: str
    repository: str
    event: bytes
    part: float = 1.0


class Kept(NamedTuple):
    """One event that waits for one endpoint. `number` ascends in the order of storing. `event`: the JSON of an `Event`.
    `moment`: when it was stored, in seconds since 1970."""

    number: int
    repository: str
    event: bytes
    moment: float


@dataclass(frozen=True)
class Waiting:
    """The events that wait for an endpoint. `oldest`: when the first was stored, in seconds since 1970; 0 if none waits."""

    count: int
    oldest: float


@dataclass
class Counts:
    """Counts of one endpoint since the queue was created.

    `events`: stored events. `successes`: delivered events. `failures`: attempts that the endpoint answered with an error, `errors`:
    attempts without a response. `dropped`: events that were not stored, or were removed undelivered. `statuses`: by status of
    the response, as in `202 Accepted`.
    """

    events: int = 0
    successes: int = 0
    failures: int = 0
    errors: int = 0
    dropped: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back already, for example on a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def insert(connection: sqlite3.Connection, rows: Sequence[Row], share: int) -> Counter[str]:
    """Store what fits into `share` bytes per endpoint, in one transaction. Counts and returns what did not fit, by endpoint.

    The usual case is a single statement, which is a transaction by itself: with each statement, the thread releases the GIL and
    waits to get it back.
    """
    now = time.time()
    values = [(row.endpoint, row.repository, row.event, now, int(share * row.part)) for row in rows]
    if len(values) == 1 and connection.execute(_INSERT, values[0]).rowcount == 1:
        return Counter()
    lost: Counter[str] = Counter()
    with transaction(connection):
        for value in values:
            if connection.execute(_INSERT, value).rowcount == 1:
                continue
            connection.execute("INSERT INTO endpoint (name) VALUES (?) ON CONFLICT DO NOTHING", value[:1])
            if connection.execute(_INSERT, value).rowcount == 0:
                lost[value[0]] += 1
        for endpoint, count in lost.items():
            connection.execute("UPDATE endpoint SET dropped = dropped + ? WHERE name = ?", (count, endpoint))
    return lost


def first(connection: sqlite3.Connection, endpoint: str, count: int) -> list[Kept]:
    found = connection.execute("SELECT id FROM endpoint WHERE name = ?", (endpoint,)).fetchone()
    if found is None:
        return []
    low, high = _range(found[0])
    rows = connection.execute(
        "SELECT place, repository, event, moment FROM event WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?",
        (low, high, count),
    )
    return [Kept(place - low, repository, event, moment) for place, repository, event, moment in rows]


def remove(connection: sqlite3.Connection, endpoint: str, numbers: Sequence[int]) -> int:
    """Returns how many of the events were still there."""
    endpoint_id = _id(connection, endpoint)
    places = [(_place(endpoint_id, number),) for number in numbers]
    return connection.executemany("DELETE FROM event WHERE place = ?", places).rowcount


def drop(connection: sqlite3.Connection, endpoint: str | None, before: float | None, most: int) -> int:
    """Remove at most `most` events of each endpoint and count them as dropped. Returns how many in all."""
    count = 0
    for endpoint_id, name in connection.execute("SELECT id, name FROM endpoint").fetchall():
        if endpoint in (None, name):
            dropped = connection.execute(
                "DELETE FROM event WHERE place IN (SELECT place FROM event"
                " WHERE place BETWEEN ?1 AND ?2 AND (?3 IS NULL OR moment < ?3) ORDER BY place LIMIT ?4)",
                (*_range(endpoint_id), before, most),
            ).rowcount
            add(connection, name, {"dropped": dropped}, {})
            count += dropped
    return count


def add(
    connection: sqlite3.Connection, endpoint: str, sums: Mapping[str, int], statuses: Mapping[str, int]
) -> None:
    """Add to the counts of an endpoint."""
    endpoint_id = _id(connection, endpoint)
    given = Counter(sums)
    connection.execute(
        "UPDATE endpoint SET successes = successes + ?, failures = failures + ?, errors = errors + ?,"
        " dropped = dropped + ? WHERE id = ?",
        (given["successes"], given["failures"], given["errors"], given["dropped"], endpoint_id),
    )
    connection.executemany(
        "INSERT INTO status VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + ?3",
        [(endpoint_id, status, count) for status, count in statuses.items()],
    )


def waiting(connection: sqlite3.Connection) -> dict[str, Waiting]:
    found = {}
    listed = connection.execute("SELECT id, name, waiting FROM endpoint").fetchall()
    for endpoint_id, name, count in listed:
        oldest = connection.execute(
            "SELECT moment FROM event WHERE place BETWEEN ? AND ? ORDER BY place LIMIT 1",
            _range(endpoint_id),
        ).fetchone()
        found[name] = Waiting(count, oldest[0] if oldest else 0.0)
    return found


def counts(connection: sqlite3.Connection) -> dict[str, Counts]:
    rows = connection.execute("SELECT name, kept, successes, failures, errors, dropped FROM endpoint")
    found = {name: Counts(*sums) for name, *sums in rows.fetchall()}
    rows = connection.execute(
        "SELECT name, status, count FROM status JOIN endpoint ON id = endpoint ORDER BY name, status"
    )
    for name, status, count in rows.fetchall():
        found[name].statuses[status] = count
    return found


def hurry(connection: sqlite3.Connection, endpoint: str | None) -> None:
    connection.execute("UPDATE endpoint SET hurries = hurries + 1 WHERE ?1 IS NULL OR name = ?1", (endpoint,))


def hurries(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT name, hurries FROM endpoint").fetchall())


def _id(connection: sqlite3.Connection, endpoint: str) -> int:
    """The id of an endpoint, which may be new."""
    ask = "SELECT id FROM endpoint WHERE name = ?"
    found = connection.execute(ask, (endpoint,)).fetchone()
    if found is None:
        connection.execute("INSERT INTO endpoint (name) VALUES (?)", (endpoint,))
        found = connection.execute(ask, (endpoint,)).fetchone()
    return int(found[0])


def _place(endpoint_id: int, number: int) -> int:
    return (endpoint_id << _BITS) + number


def _range(endpoint_id: int) -> tuple[int, int]:
    """The place before the first event that an endpoint could ever have, and the place of the last."""
    return _place(endpoint_id, 0), _place(endpoint_id + 1, 0) - 1
