"""What could not be written to the queue is counted once, for all workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.events.queue import Queue, QueueFull, Row
from moorage.events.rows import Counts
from moorage.events.unwritten import MOST, Unwritten, UnwrittenMemory
from tests.support.disks import fill, small_disk

NAMES = ["one", "two"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "1m") as disk:
        yield disk


def worker(disk: Path, memory: UnwrittenMemory) -> Queue:
    return Queue(disk / "events.db", limit=64 << 20, unwritten=Unwritten(NAMES, memory))


def test_each_worker_knows_what_others_could_not_write_and_any_of_them_writes_it(tiny_disk: Path) -> None:
    memory, ballast = UnwrittenMemory(), tiny_disk / "ballast"
    deliverer, dying, other = (worker(tiny_disk, memory) for _ in range(3))
    deliverer.put([Row("one", "a", b"1"), Row("one", "a", b"2")])
    fill(ballast)
    with pytest.raises(QueueFull):
        dying.put([Row("two", "a", b"x" * 100_000)] * 3)
    deliverer.delivered("one", [deliverer.first("one", 1)[0].number], "202 Accepted")
    deliverer.failed("one", "500 Internal Server Error")
    deliverer.failed("one", "599")
    deliverer.failed("one", "")
    del dying
    statuses = {"202 Accepted": 1, "500 Internal Server Error": 1, "599": 1}
    expected = {"one": Counts(2, 1, 2, 1, 0, statuses), "two": Counts(dropped=3)}
    assert other.counts() == deliverer.counts() == expected
    ballast.unlink()
    other.dropped("two", 1)
    expected["two"].dropped += 1
    assert other.counts() == deliverer.counts() == expected
    alone = Queue(tiny_disk / "events.db", limit=64 << 20)
    assert alone.counts() == expected
    assert [kept.event for kept in deliverer.first("one", 10)] == [b"2"]
    deliverer.close()
    assert alone.waiting()["one"].count == 1
    assert alone.counts() == expected
    for queue in (alone, other):
        queue.close()


def test_counts_are_read_again_while_they_are_being_written() -> None:
    memory = UnwrittenMemory()
    writer, reader = (Unwritten(NAMES, memory) for _ in range(2))
    writer.add("one", {"dropped": 3}, {})
    file = 0
    writing = writer.writing()

    def written() -> dict[str, Counts]:
        nonlocal file
        told = Counts(dropped=file)
        if file == 0:
            writing.__enter__()
            file = 3
        else:
            writing.__exit__(None, None, None)
        return {"one": told}

    assert reader.added_to(written)["one"].dropped == 3


def test_a_writer_that_was_killed_holds_up_no_reader_for_ever() -> None:
    memory = UnwrittenMemory()
    killed, reader = (Unwritten(NAMES, memory) for _ in range(2))
    killed.add("two", {"errors": 1}, {})
    # Kept: a generator that nobody has goes on to its end.
    writing = killed.writing()
    writing.__enter__()
    assert memory.words[0] % 2 == 1
    assert reader.added_to(dict) == {"two": Counts(errors=1)}
    with reader.writing():
        pass
    assert reader.added_to(dict) == {}


def test_what_others_add_while_one_that_was_stopped_is_writing_is_not_lost() -> None:
    """They wait for it, but not without end."""
    memory = UnwrittenMemory()
    stopped, other = (Unwritten(NAMES, memory) for _ in range(2))
    stopped.add("one", {"dropped": 1}, {"200 OK": 2})
    with stopped.writing() as written:
        assert written == {"one": (Counter(dropped=1), Counter({"200 OK": 2}))}
        other.add("one", {"dropped": 3, "errors": 1}, {"200 OK": 4})
        other.add("two", {"dropped": 5}, {"404 Not Found": 6})
    assert not stopped.empty
    assert other.added_to(dict) == {
        "one": Counts(dropped=3, errors=1, statuses={"200 OK": 4}),
        "two": Counts(dropped=5, statuses={"404 Not Found": 6}),
    }
    with other.writing():
        pass
    assert stopped.empty
    assert stopped.added_to(dict) == {}


def test_what_others_add_is_counted_once_though_there_was_nothing_to_write() -> None:
    memory = UnwrittenMemory()
    stopped, other = (Unwritten(NAMES, memory) for _ in range(2))
    with stopped.writing() as written:
        other.add("one", {"dropped": 3}, {})
        assert written == {}
    assert other.added_to(dict) == {"one": Counts(dropped=3)}


def test_what_could_not_be_written_is_still_there() -> None:
    unwritten = Unwritten(NAMES)
    unwritten.add("two", {"dropped": 1}, {"200 OK": 2})
    with pytest.raises(OSError, match="full"), unwritten.writing():
        raise OSError("full")
    assert unwritten.added_to(dict) == {"two": Counts(dropped=1, statuses={"200 OK": 2})}


def test_endpoints_without_end_take_no_memory_without_end() -> None:
    unwritten = Unwritten([str(number) for number in range(MOST + 1)])
    for name in (str(MOST - 1), str(MOST), "unknown"):
        unwritten.add(name, {"dropped": 1}, {"200 OK": 1})
    assert list(unwritten.counts()) == [str(MOST - 1)]
    with unwritten.writing():
        pass
    assert unwritten.empty
