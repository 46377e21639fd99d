"""Events that are kept reach their endpoint: each at least once, in order, whatever the listener does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moorage.events.complaints import QUIET_SECONDS, Complaints
from moorage.events.delivery import Delivery
from moorage.events.endpoint import Endpoint
from moorage.events.queue import Queue, Row
from tests.events.listener import (
    SECONDS,
    Call,
    Listener,
    Reaction,
    answer,
    dripping,
    hang_up,
    raw,
    redirect,
    reset,
    silent,
)
from tests.events.making import identity, kept
from tests.support.ports import free_port

HOUR = 3600.0


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    opened = Queue(tmp_path / "events.db", limit=64 << 20, shares=2)
    yield opened
    opened.close()


def endpoint(listener: Listener, name: str = "hook", **changes: Any) -> Endpoint:
    """Patient with an answer, and quick to try again."""
    quick = Endpoint(name=name, url=listener.url, timeout=30.0, threshold=3, backoff=0.02, maxbackoff=0.1)
    return replace(quick, **changes)


@contextlib.asynccontextmanager
async def delivering(*deliveries: Delivery) -> AsyncIterator[None]:
    """On exit each was cancelled, and had nothing to say about it."""
    tasks = [asyncio.create_task(delivery.run()) for delivery in deliveries]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in ended] == [asyncio.CancelledError] * len(tasks)


def put(queue: Queue, count: int, *, name: str = "hook", repository: str = "team/app") -> list[str]:
    """Their ids."""
    events = [kept(repository, str(number)) for number in range(count)]
    queue.put([Row(name, repository, event) for event in events])
    return [identity(event) for event in events]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.01)


def empty(queue: Queue, name: str = "hook") -> bool:
    return queue.waiting()[name].count == 0


def first_times(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(ids))


async def test_what_is_kept_is_delivered_in_order_and_counted(queue: Queue, listener: Listener) -> None:
    before = put(queue, 20)
    delivery = Delivery(endpoint(listener), queue)
    async with delivering(delivery):
        await until(lambda: empty(queue))
        later = put(queue, 20)
        delivery.wake()
        await until(lambda: empty(queue))
    assert listener.ids == before + later
    assert listener.connections == 1
    counts = queue.counts()["hook"]
    assert (counts.successes, counts.statuses) == (40, {"200 OK": 40})


async def test_events_go_together_as_far_as_the_endpoint_takes_them(queue: Queue, listener: Listener) -> None:
    ids = put(queue, 25)
    async with delivering(Delivery(endpoint(listener, batch=10), queue)):
        await until(lambda: empty(queue))
    assert [len(request.ids) for request in listener.received] == [10, 10, 5]
    assert listener.ids == ids


async def test_an_endpoint_that_is_down_gets_everything_when_it_is_up(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    listener = Listener(port=free_port())
    away = endpoint(listener, url=f"http://user:password@localhost:{listener.port}/hook?key=password")
    ids = put(queue, 10)
    delivery = Delivery(away, queue)
    async with delivering(delivery):
        await until(lambda: queue.counts()["hook"].errors >= 6)
        ids += put(queue, 10)
        with listener:
            delivery.hurry()
            await until(lambda: empty(queue))
    assert listener.ids == ids
    lines = [(one.levelname, one.getMessage(), vars(one)["endpoint"]) for one in caplog.records]
    assert lines == [
        ("WARNING", "endpoint of notifications does not take events, which wait", "hook"),
        ("WARNING", "endpoint of notifications encountered too many errors, backing off", "hook"),
        ("INFO", "endpoint of notifications takes events again", "hook"),
    ]
    first, _, last = (vars(one) for one in caplog.records)
    assert (first["reason"], first["url"]) == (
        "Connection refused",
        f"http://localhost:{listener.port}/hook",
    )
    assert last["waiting"] == 19
    assert "password" not in str([vars(one) for one in caplog.records])


BAD: dict[str, Reaction] = {
    "500": answer(500),
    "301": redirect(301, "/hook"),
    "garbage": raw(b"\x00garbage\r\n"),
    "no answer": silent,
    "an answer that drips": dripping(b"HTTP/1.1 "),
    "hanging up": hang_up,
    "a reset": reset,
    "410": answer(410),
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_listener_that_misbehaves_for_a_while_gets_everything_in_the_end(
    queue: Queue, listener: Listener, bad: str
) -> None:
    ids = put(queue, 3)
    listener.script = [BAD[bad]] * 6
    async with delivering(Delivery(endpoint(listener, timeout=0.1), queue)):
        await until(lambda: empty(queue))
    assert first_times(listener.ids) == ids
    counts = queue.counts()["hook"]
    assert counts.successes == 3
    assert counts.failures + counts.errors >= 1


@pytest.mark.parametrize("batch", [1, 4])
async def test_order_is_kept_through_failures_of_all_kinds(
    queue: Queue, listener: Listener, batch: int
) -> None:
    """In the whole of what an endpoint gets, and so in each repository."""
    names = ["team/app", "team/base", "other"]
    ids = [
        one for name in itertools.islice(itertools.cycle(names), 30) for one in put(queue, 1, repository=name)
    ]
    chance = random.Random(1)
    kinds = [
        answer(200),
        answer(202),
        answer(503),
        hang_up,
        reset,
        answer(500, keep=False),
        redirect(307, "/b"),
    ]
    listener.script = [chance.choice(kinds) for _ in range(80)]
    async with delivering(Delivery(endpoint(listener, batch=batch), queue)):
        await until(lambda: empty(queue))
    assert first_times(listener.ids) == ids
    places = [ids.index(one) for one in listener.ids]
    # What is repeated is what was not answered well the last time, and nothing older.
    assert all(before - after < batch for before, after in itertools.pairwise(places))


async def test_what_a_listener_took_before_it_died_is_sent_again_with_the_same_ids(
    queue: Queue, listener: Listener
) -> None:
    ids = put(queue, 3)
    listener.script = [hang_up, reset]
    signing = endpoint(listener, batch=10, secrets=("secret",))
    async with delivering(Delivery(signing, queue)):
        await until(lambda: empty(queue))
    assert [request.ids for request in listener.received] == [ids, ids, ids]
    assert len({request.header("webhook-id") for request in listener.received}) == 1


async def test_what_is_kept_between_two_tries_makes_another_message(queue: Queue, listener: Listener) -> None:
    """A listener that had the first already must not take the second for the same."""
    ids = put(queue, 1)

    def keeps_one_more(_: Call) -> bool:
        ids.extend(put(queue, 1))
        return False

    listener.script = [keeps_one_more]
    async with delivering(Delivery(endpoint(listener, batch=10, secrets=("secret",)), queue)):
        await until(lambda: empty(queue))
    assert [request.ids for request in listener.received] == [ids[:1], ids]
    assert len({request.header("webhook-id") for request in listener.received}) == 2


async def test_a_listener_that_is_silent_holds_no_other_back(queue: Queue, listener: Listener) -> None:
    with Listener(otherwise=silent) as slow:
        put(queue, 5, name="slow")
        ids = put(queue, 50, name="fast")
        slow_one = Delivery(endpoint(slow, "slow", timeout=HOUR), queue)
        async with delivering(slow_one, Delivery(endpoint(listener, "fast"), queue)):
            await asyncio.to_thread(slow.wait_for, 1)
            await until(lambda: empty(queue, "fast"))
        assert listener.ids == ids
        assert queue.waiting()["slow"].count == 5
        assert len(slow.received) == 1


async def test_an_open_circuit_is_tried_at_once_when_somebody_asks(queue: Queue, listener: Listener) -> None:
    ids = put(queue, 2)
    listener.script = [answer(500)]
    delivery = Delivery(endpoint(listener, threshold=1, backoff=HOUR), queue)
    async with delivering(delivery):
        await until(lambda: queue.counts()["hook"].failures == 1)
        delivery.hurry()
        await until(lambda: empty(queue))
    assert listener.ids == [ids[0], *ids]


async def test_news_do_not_shorten_the_wait_of_an_open_circuit(queue: Queue, listener: Listener) -> None:
    put(queue, 1)
    listener.script = [answer(500)]
    delivery = Delivery(endpoint(listener, threshold=1, backoff=HOUR), queue)
    async with delivering(delivery):
        await until(lambda: queue.counts()["hook"].failures == 1)
        for _ in range(20):
            delivery.wake()
            await asyncio.sleep(0.01)
    assert len(listener.received) == 1


async def test_a_listener_that_asks_for_time_gets_it(queue: Queue, listener: Listener) -> None:
    put(queue, 1)
    listener.script = [answer(429, Retry_After="3600")]
    delivery = Delivery(endpoint(listener, threshold=10, maxbackoff=HOUR), queue)
    async with delivering(delivery):
        await until(lambda: queue.counts()["hook"].failures == 1)
        await asyncio.sleep(0.3)
        assert len(listener.received) == 1
        delivery.hurry()
        await until(lambda: empty(queue))


async def test_a_delivery_that_is_cancelled_leaves_to_the_next_what_was_not_taken(
    queue: Queue, listener: Listener
) -> None:
    ids = put(queue, 5)
    listener.script = [answer(200), answer(200), silent]
    async with delivering(Delivery(endpoint(listener), queue)):
        await asyncio.to_thread(listener.wait_for, 3)
    assert queue.waiting()["hook"].count == 3
    async with delivering(Delivery(endpoint(listener), queue)):
        await until(lambda: empty(queue))
    assert listener.ids == [*ids[:3], *ids[2:]]


def broken(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


async def test_a_queue_that_cannot_be_read_is_told_once_and_the_delivery_goes_on(
    queue: Queue, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    ids = put(queue, 2)
    delivery = Delivery(endpoint(listener), queue)
    with contextlib.closing(sqlite3.connect(queue.path)) as other:
        other.execute("ALTER TABLE event RENAME TO elsewhere")
        async with delivering(delivery):
            await until(lambda: bool(broken(caplog)))
            for _ in range(5):
                await asyncio.sleep(0.05)
                delivery.hurry()
            other.execute("ALTER TABLE elsewhere RENAME TO event")
            await asyncio.sleep(0.05)
            delivery.hurry()
            await until(lambda: empty(queue))
    assert listener.ids == ids
    assert broken(caplog) == ["delivery of events is broken, and goes on trying"]


def test_an_endpoint_that_fails_now_and_then_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    complaints = Complaints(Endpoint(name="hook", url="http://host/"), lambda: now)
    for _ in range(100):
        complaints.failed("a reason", 1, 1.0, backing_off=True)
        if complaints.told:
            complaints.ended(0)
    assert len(caplog.records) == 3
    now = QUIET_SECONDS
    complaints.failed("a reason", 1, 1.0, backing_off=False)
    assert len(caplog.records) == 4
