"""From handlers to the queue: kept before anybody goes on, many at once, and the registry goes on whatever the queue says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from moorage.events.base import BLOB, Action, Actor, Event, Request, Source, Target, happened
from moorage.events.outages import QUIET_SECONDS, OutageMemory, Outages
from moorage.events.publisher import MOST_TOLD, MOST_TOLD_BYTES, Publisher, Subscriber
from moorage.events.queue import Queue
from tests.support.starving import no_threads

SOURCE = Source("host:5000", "instance")


def event(tag: str, *, action: Action = "push", media_type: str = BLOB, repository: str = "a") -> Event:
    target = Target(media_type=media_type, size=1, digest="sha256:0", repository=repository, tag=tag)
    return happened(action, target, Request("1", "PUT", "test"), Actor(), SOURCE)


@contextlib.asynccontextmanager
async def publishing(
    path: Path,
    *subscribers: Subscriber,
    limit: int = 64 << 20,
    most_told: int = MOST_TOLD,
    most_told_bytes: int = MOST_TOLD_BYTES,
) -> AsyncIterator[tuple[Publisher, Queue]]:
    queue = Queue(path / "events.db", limit=limit, shares=len(subscribers))
    outages = Outages([one.name for one in subscribers], OutageMemory(), queue.alone)
    publisher = Publisher(
        queue, subscribers, SOURCE, outages, most_told=most_told, most_told_bytes=most_told_bytes
    )
    try:
        yield publisher, queue
    finally:
        await publisher.close()
        queue.close()


def tags(queue: Queue, endpoint: str = "one") -> list[str]:
    return [
        msgspec.json.decode(kept.event)["target"].get("tag", "") for kept in queue.first(endpoint, 1_000_000)
    ]


async def test_what_was_written_is_kept_when_the_writer_goes_on(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):
        for number in range(5):
            await publisher.write([event(str(number))])
            assert tags(queue) == [str(one) for one in range(number + 1)]


async def test_many_at_once_are_all_kept_and_each_writer_in_its_order(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):

        async def write(repository: str) -> None:
            for number in range(20):
                await publisher.write([event(f"{repository}{number}", repository=repository)])

        await asyncio.gather(*(write(repository) for repository in "abcdefgh"))
        found = tags(queue)
        assert len(found) == 160
        for repository in "abcdefgh":
            assert [tag for tag in found if tag[0] == repository] == [f"{repository}{n}" for n in range(20)]


async def test_what_is_told_is_kept_without_being_waited_for(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):
        arrived = asyncio.Event()
        publisher.arrived = arrived.set
        publisher.tell(event("pulled"))
        await asyncio.wait_for(arrived.wait(), 30)
        assert tags(queue) == ["pulled"]


async def test_what_was_told_before_something_is_written_stays_before_it(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):
        publisher.tell(event("1"))
        publisher.tell(event("2"))
        await publisher.write([event("3")])
        assert tags(queue) == ["1", "2", "3"]


async def test_what_was_told_is_kept_at_the_end(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, _):
        publisher.tell(event("last"))
    queue = Queue(tmp_path / "events.db", limit=64 << 20)
    assert tags(queue) == ["last"]
    queue.close()


async def test_a_request_that_outlives_the_end_is_told_too(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):
        await publisher.close()
        await publisher.write([event("late")])
        assert tags(queue) == ["late"]


async def test_no_endpoint_gets_what_it_ignores(tmp_path: Path) -> None:
    subscribers = [
        Subscriber("all"),
        Subscriber("pushes", ignored_actions=frozenset({"pull", "delete"})),
        Subscriber("images", ignored_types=frozenset({BLOB})),
    ]
    async with publishing(tmp_path, *subscribers) as (publisher, queue):
        await publisher.write([event("blob"), event("image", media_type="application/x")])
        publisher.tell(event("pulled", action="pull", media_type="application/x"))
        await publisher.write([event("deleted", action="delete", media_type="")])
        assert tags(queue, "all") == ["blob", "image", "pulled", "deleted"]
        assert tags(queue, "pushes") == ["blob", "image"]
        assert tags(queue, "images") == ["image", "pulled", "deleted"]


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told waits until something is written, however long this test takes to tell it."""
    monkeypatch.setattr("moorage.events.publisher.SOON_SECONDS", 600.0)


@pytest.mark.usefixtures("late")
async def test_more_is_told_than_may_wait_in_memory(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one"), most_told=10) as (publisher, queue):
        for number in range(17):
            publisher.tell(event(str(number)))
        await publisher.write([event("last")])
        assert tags(queue) == [*map(str, range(10)), "last"]
        assert queue.counts()["one"].dropped == 7


@pytest.mark.usefixtures("late")
async def test_fewer_large_events_than_small_ones_may_wait_in_memory(tmp_path: Path) -> None:
    subscribers = [Subscriber("one"), Subscriber("two")]
    async with publishing(tmp_path, *subscribers, most_told_bytes=10_000) as (publisher, queue):
        for number in range(7):
            publisher.tell(event(f"{number}{'x' * 3000}"))
        await publisher.write([event("last")])
        for endpoint in ("one", "two"):
            assert [tag[0] for tag in tags(queue, endpoint)] == ["0", "1", "2", "3", "l"]
            assert queue.counts()[endpoint].dropped == 3


async def test_what_is_told_leaves_half_of_the_queue_to_what_is_written(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one"), limit=2 << 20) as (publisher, queue):
        for _ in range(200):
            publisher.tell(event("x" * 10_000, action="pull"))
        await publisher.write([event("first")])
        dropped = queue.counts()["one"].dropped
        pulls = queue.waiting()["one"].count - 1
        assert dropped == 200 - pulls > 0
        for _ in range(pulls - 1):
            await publisher.write([event("x" * 10_000)])
        await publisher.write([event("last")])
        assert queue.counts()["one"].dropped == dropped
        publisher.tell(event("x" * 10_000, action="pull"))
        await publisher.write([event("very last")])
        assert queue.counts()["one"].dropped == dropped + 1
        assert tags(queue)[-2:] == ["last", "very last"]


async def test_a_writer_who_gives_up_harms_nobody(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):
        gone = asyncio.create_task(publisher.write([event("gone")]))
        await asyncio.sleep(0)
        gone.cancel()
        await publisher.write([event("stays")])
        assert tags(queue) == ["gone", "stays"]


async def test_without_room_writers_go_on_and_it_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with publishing(tmp_path, Subscriber("one"), Subscriber("two"), limit=1 << 20) as (
        publisher,
        queue,
    ):
        wide = event("x" * 20_000)
        for _ in range(100):
            await publisher.write([wide])
        counts = queue.counts()
        assert counts["one"].dropped > 1
        assert counts["one"].dropped + counts["one"].events == 100
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert vars(line)["endpoints"] == ["one", "two"]
    assert vars(line)["path"] == str(tmp_path / "events.db")


async def test_without_a_thread_writers_go_on_and_the_next_event_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):
        with no_threads():
            await publisher.write([event("1"), event("2")])
            publisher.tell(event("3"))
            assert queue.counts()["one"].dropped == 3
        await asyncio.wait_for(publisher.write([event("4")]), 30)
        assert tags(queue) == ["4"]
        assert queue.counts()["one"].dropped == 3
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert vars(line)["endpoints"] == ["one"]
    assert vars(line)["reason"] == "can't start new thread"


async def test_a_publisher_that_never_had_a_thread_can_be_closed(tmp_path: Path) -> None:
    async with publishing(tmp_path, Subscriber("one")) as (publisher, queue):
        with no_threads():
            await publisher.write([event("1")])
            await publisher.close()
            await publisher.write([event("2")])
        assert queue.counts()["one"].dropped == 2


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_is_told_once_by_all_workers_and_so_is_its_end() -> None:
    memory, clock = OutageMemory(), Clock()
    workers = [Outages(["one", "two"], memory, contextlib.nullcontext, clock) for _ in range(2)]
    assert workers[0].kept({"one"}) == []
    assert workers[0].lost({"one": 2}) == ["one"]
    assert workers[1].lost({"one": 1, "two": 1}) == ["two"]
    assert workers[1].kept({"one"}) == [], "one that is kept between two that are lost is no end"
    clock.now += QUIET_SECONDS + 1
    assert workers[0].kept({"one"}) == [("one", 3)]
    assert workers[1].kept({"one"}) == []
    assert workers[1].lost({"one": 1}) == ["one"]
