"""A replay beside a server that delivers: what is counted as delivered, and what still waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.events.endpoint import Endpoint
from moorage.events.queue import Queue, Row
from moorage.events.replaying import Replayed, ask
from tests.events.making import kept

ONE = Endpoint(name="one", url="http://127.0.0.1:1/")


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[tuple[Queue, Queue]]:
    """One queue as two processes have it: that of the replay, and that of the server."""
    path = tmp_path / "events.db"
    ours, server = Queue(path, limit=64 << 20), Queue(path, limit=64 << 20)
    with contextlib.closing(ours), contextlib.closing(server):
        yield ours, server


def put(queue: Queue, count: int) -> None:
    queue.put([Row("one", "team/app", kept(tag=f"v{number}")) for number in range(count)])


async def asked(queue: Queue, gone: list[int]) -> asyncio.Task[Replayed]:
    """A replay that has begun to watch the server."""
    replay = asyncio.create_task(ask(queue, ONE, gone.append))
    while not queue.hurries().get("one"):
        await asyncio.sleep(0.01)
    return replay


async def test_events_that_had_no_room_are_not_taken_for_delivered_ones(queues: tuple[Queue, Queue]) -> None:
    ours, server = queues
    put(server, 3)
    gone: list[int] = []
    replay = await asked(ours, gone)
    server.dropped("one", 5)
    server.failed("one", "503 Service Unavailable")
    assert await replay == Replayed("one", 0, 3, "it answers 503 Service Unavailable")
    assert gone == []


async def test_events_that_were_dropped_meanwhile_do_not_wait_and_are_not_delivered(
    queues: tuple[Queue, Queue],
) -> None:
    ours, server = queues
    put(server, 3)
    gone: list[int] = []
    replay = await asked(ours, gone)
    server.delivered("one", [server.first("one", 1)[0].number], "200 OK")
    server.drop("one", None)
    assert await replay == Replayed("one", 1, 0)
    assert sum(gone) == 3


async def test_events_that_come_later_are_not_waited_for(queues: tuple[Queue, Queue]) -> None:
    ours, server = queues
    put(server, 2)
    replay = await asked(ours, [])
    put(server, 2)
    server.delivered("one", [one.number for one in server.first("one", 3)], "200 OK")
    assert await replay == Replayed("one", 2, 0)
    assert server.waiting()["one"].count == 1


async def test_a_replay_of_nothing_ends_at_once(queues: tuple[Queue, Queue]) -> None:
    ours, server = queues
    assert await ask(ours, ONE, lambda _: None) == Replayed("one", 0, 0)
    put(server, 1)
    server.delivered("one", [server.first("one", 1)[0].number], "200 OK")
    assert await ask(ours, ONE, lambda _: None) == Replayed("one", 0, 0)
