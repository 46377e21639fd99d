"""The queue takes no more room than it may, and does without when there is none."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.events.queue import Queue, QueueFull, Row
from tests.support.disks import fill, small_disk

LIMIT = 64 << 20
EVENT = b"x" * 1200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue" / "events.db"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "1m") as disk:
        yield disk


def disk_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.iterdir())


def put_until_full(queue: Queue, endpoint: str) -> QueueFull:
    for number in range(100_000):
        try:
            queue.put([Row(endpoint, "a", b"%d " % number + EVENT)])
        except QueueFull as full:
            return full
    raise AssertionError("it is never full")


def overfull(queue: Queue, events: list[bytes]) -> bool:
    try:
        queue.put([Row("one", "a", event) for event in events])
    except QueueFull:
        return True
    return False


def test_an_endpoint_that_takes_nothing_leaves_room_for_the_others(path: Path) -> None:
    queue = Queue(path, limit=2 << 20, shares=2)
    assert put_until_full(queue, "dead").lost == {"dead": 1}
    waiting = queue.waiting()["dead"].count
    with pytest.raises(QueueFull) as full:
        queue.put([Row("dead", "a", EVENT), Row("alive", "a", EVENT), Row("dead", "a", EVENT)])
    assert full.value.lost == {"dead": 2}
    for _ in range(waiting - 1):
        queue.put([Row("alive", "a", EVENT)])
    assert queue.counts()["dead"].dropped == 3
    assert queue.counts()["alive"].dropped == 0
    assert queue.waiting()["dead"].count == waiting
    assert queue.waiting()["alive"].count == waiting
    queue.close()


def test_there_is_room_again_when_something_was_delivered(path: Path) -> None:
    queue = Queue(path, limit=1 << 20)
    put_until_full(queue, "one")
    first = queue.first("one", 1)[0]
    queue.delivered("one", [first.number], "200 OK")
    queue.put([Row("one", "a", EVENT)])
    queue.close()


@pytest.mark.parametrize("size", [400, 1200, 30_000])
def test_it_takes_no_more_of_the_disk_than_it_may(path: Path, size: int) -> None:
    limit = 1 << 20
    queue = Queue(path, limit=limit)
    source, most = random.Random(size), 0
    for fraction in (4, 2, 1):
        full = False
        while not full:
            full = overfull(queue, [source.randbytes(source.randrange(1, 2 * size)) for _ in range(10)])
            most = max(most, disk_bytes(path))
        kept = queue.first("one", 1_000_000)
        for one in kept[: len(kept) // fraction]:
            queue.delivered("one", [one.number], "200 OK")
            most = max(most, disk_bytes(path))
    # What SQLite maps for the processes that share its log is counted by itself: 32 KiB for each 16 MiB of that.
    assert most <= limit + (64 << 10)
    assert most > limit // 2
    queue.close()


def test_room_goes_back_to_the_disk(path: Path) -> None:
    queue = Queue(path, limit=LIMIT)
    queue.put([Row("one", "a", EVENT)] * 15_000)
    assert path.stat().st_size > 15_000 * len(EVENT)
    while kept := queue.first("one", 50):
        queue.delivered("one", [one.number for one in kept], "200 OK")
    queue.close()
    assert path.stat().st_size < 12_000 * len(EVENT)


def test_a_full_disk_costs_new_events_and_no_old_one(tiny_disk: Path) -> None:
    queue = Queue(tiny_disk / "events.db", limit=LIMIT)
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(700 << 10))
    full = put_until_full(queue, "one")
    assert full.lost == {"one": 1}
    assert "room" in str(full)
    kept = queue.waiting()["one"].count
    delivered = 0
    while found := queue.first("one", 1):
        assert found[0].event == b"%d " % delivered + EVENT
        queue.delivered("one", [found[0].number], "200 OK")
        delivered += 1
    assert delivered == kept
    ballast.unlink()
    queue.put([Row("one", "a", EVENT)])
    counts = queue.counts()["one"]
    assert (counts.events, counts.successes, counts.dropped) == (kept + 1, kept, 1)
    queue.close()


def test_what_was_delivered_is_not_sent_again_while_the_disk_is_full(tiny_disk: Path) -> None:
    ballast = tiny_disk / "ballast"
    queue = Queue(tiny_disk / "events.db", limit=LIMIT)
    queue.put([Row("one", "a", b"%d" % number) for number in range(100)])
    fill(ballast)
    for number in range(50):
        found = queue.first("one", 1)[0]
        assert found.event == b"%d" % number
        queue.delivered("one", [found.number], "200 OK")
    assert queue.counts()["one"].successes == 50
    ballast.unlink()
    queue.delivered("one", [queue.first("one", 1)[0].number], "200 OK")
    queue.close()
    again = Queue(tiny_disk / "events.db", limit=LIMIT)
    assert (again.counts()["one"].successes, again.waiting()["one"].count) == (51, 49)
    again.close()


def test_without_room_for_a_queue_there_is_one_as_soon_as_there_is(tiny_disk: Path) -> None:
    ballast = tiny_disk / "ballast"
    fill(ballast)
    queue = Queue(tiny_disk / "events.db", limit=LIMIT)
    with pytest.raises(QueueFull):
        queue.put([Row("one", "a", b"1")])
    ballast.unlink()
    queue.put([Row("one", "a", b"2")])
    assert [kept.event for kept in queue.first("one", 10)] == [b"2"]
    assert queue.counts()["one"].dropped == 1
    queue.close()
