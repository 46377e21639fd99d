"""A process that was stopped (`docker pause`, Ctrl-Z) while it held the queue's lock holds up the others for a while only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from moorage import locks
from moorage.events.publisher import Subscriber
from moorage.events.queue import Queue, QueueError, QueueFull, Row
from tests.events.listener import SECONDS
from tests.events.test_publisher import event, publishing, tags

LIMIT = 64 << 20
WAITING = "waiting for a process that keeps a file locked: was it stopped?"
STUCK = "locked by a process that does not go on"

HOLDER = """
import sys, time
from pathlib import Path
from moorage.events.queue import Queue
queue = Queue(Path(sys.argv[1]), limit=64 << 20)
with queue.alone():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TOLD_AFTER", 0.05)
    monkeypatch.setattr(locks, "GIVEN_UP_AFTER", 0.3)


@contextlib.contextmanager
def stopped(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        os.kill(process.pid, signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def holder(path: Path, soon: None) -> Iterator[subprocess.Popen[str]]:
    with stopped(path) as process:
        yield process


def go_on(holder: subprocess.Popen[str]) -> None:
    """Until it has ended."""
    os.kill(holder.pid, signal.SIGCONT)
    holder.communicate()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Messages from warnings on, and the path that they name."""
    return [
        (record.message, record.__dict__["path"])
        for record in caplog.records
        if record.levelno >= logging.WARNING
    ]


def test_whoever_waits_in_vain_is_told_once_and_gives_up(
    path: Path, holder: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    queue = Queue(path, limit=LIMIT)
    for _ in range(3):
        with pytest.raises(QueueFull) as full:
            queue.put([Row("one", "a", b"1"), Row("two", "a", b"1")])
        assert full.value.lost == {"one": 1, "two": 1}
        assert full.value.reason == STUCK
    assert told(caplog) == [(WAITING, str(path))]
    with pytest.raises(QueueError, match=STUCK):
        queue.drop(None, None)
    go_on(holder)
    queue.put([Row("one", "a", b"2")])
    assert [kept.event for kept in queue.first("one", 9)] == [b"2"]
    assert (queue.counts()["one"].dropped, queue.counts()["two"].dropped) == (3, 3)
    queue.close()
    assert told(caplog) == [(WAITING, str(path))]


@pytest.mark.usefixtures("soon")
def test_what_was_delivered_meanwhile_is_not_sent_again(path: Path) -> None:
    queue = Queue(path, limit=LIMIT)
    queue.put([Row("one", "a", b"1"), Row("one", "a", b"2")])
    with stopped(path) as holder:
        queue.delivered("one", [queue.first("one", 1)[0].number], "200 OK")
        assert [kept.event for kept in queue.first("one", 9)] == [b"2"]
        assert queue.counts()["one"].successes == 1
        go_on(holder)
    queue.close()
    again = Queue(path, limit=LIMIT)
    assert [kept.event for kept in again.first("one", 9)] == [b"2"]
    assert again.counts()["one"].successes == 1
    again.close()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("later", [0, 1])
def test_what_was_delivered_meanwhile_and_then_dropped_is_counted_once(path: Path, later: int) -> None:
    """`later`: how many others are dropped while they are delivered."""
    queue = Queue(path, limit=LIMIT)
    queue.put([Row("one", "a", b"x")] * 4)
    numbers = [kept.number for kept in queue.first("one", 4)]
    with stopped(path) as holder:
        queue.delivered("one", numbers[:2], "200 OK")
        assert queue.counts()["one"].successes == 2
        go_on(holder)
    other = Queue(path, limit=LIMIT)
    assert other.drop("one", None) == 4
    if later:
        queue.delivered("one", numbers[2:3], "200 OK")
    queue.close()
    counts = other.counts()["one"]
    assert (counts.dropped, counts.successes, counts.statuses) == (4, 0, {"200 OK": 2 + later})
    other.close()


async def test_a_push_goes_on_and_the_loss_is_told(
    path: Path, holder: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with publishing(path.parent, Subscriber("one")) as (publisher, queue):
        for tag in ("a", "b"):
            await asyncio.wait_for(publisher.write([event(tag)]), 30)
        lost, path_named = told(caplog)[-1]
        assert lost.startswith("events are dropped")
        assert path_named == str(path)
        assert len(told(caplog)) == 2
        assert caplog.records[-1].__dict__["reason"] == STUCK
        go_on(holder)
        await publisher.write([event("c")])
        assert tags(queue) == ["c"]
        assert queue.counts()["one"].dropped == 2


def test_one_who_removes_much_lets_others_store_meanwhile(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    standing, go_on = threading.Event(), threading.Event()

    def stand(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            standing.set()
            assert go_on.wait(SECONDS)

    monkeypatch.setattr("moorage.events.queue.DROPPED_AT_ONCE", 10)
    monkeypatch.setattr("moorage.events.queue.time", SimpleNamespace(sleep=stand))
    queue, other = Queue(path, limit=LIMIT), Queue(path, limit=LIMIT)
    queue.put([Row("one", "a", b"x")] * 35)
    removing = threading.Thread(target=queue.drop, args=("one", None))
    removing.start()
    try:
        assert standing.wait(SECONDS)
        other.put([Row("two", "a", b"1")])
        assert (other.waiting()["one"].count, other.waiting()["two"].count) == (15, 1)
    finally:
        go_on.set()
        removing.join()
    assert [kept.event for kept in other.first("two", 9)] == [b"1"]
    assert other.waiting()["one"].count == 0
    assert min(pauses) > locks.LONGEST_PAUSE, "who waits looks once within each"
    queue.close()
    other.close()
