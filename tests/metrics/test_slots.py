"""Files of workers: never more than for those that were alive at once, and nothing is lost with a worker."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from moorage import metrics
from moorage.metrics.series import Counter, Gauge
from moorage.metrics.slots import slots, take
from tests.metrics.scraped import Page

SPAWN = multiprocessing.get_context("spawn")


def _work(folder: str, pipe: Connection) -> None:
    slot = take(Path(folder))
    Counter(slot.counters, "did_total", "Things.").one()()
    slot.gauges.view[Gauge(slot.gauges, "doing", "Things.").place()] += 5.0
    pipe.send("counted")
    pipe.recv()


@contextlib.contextmanager
def workers(folder: Path, count: int) -> Iterator[None]:
    """Processes that have counted one each, and die without a word."""
    started = []
    for _ in range(count):
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=_work, args=(str(folder), theirs))
        process.start()
        # Else nobody would be told of the end of a process that dies too soon.
        theirs.close()
        started.append((process, ours))
    try:
        for _, pipe in started:
            assert pipe.recv() == "counted"
        yield
    finally:
        for process, _ in started:
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL


def test_what_the_dead_have_counted_stays_and_what_they_were_at_goes(tmp_path: Path) -> None:
    counts = metrics.Metrics(str(tmp_path))
    with workers(tmp_path, 2):
        page = Page(counts.page().decode())
        assert page.total("did_total") == 2.0
        assert page.total("doing") == 10.0
        assert page.total("registry_workers") == 3.0
    page = Page(counts.page().decode())
    assert page.total("did_total") == 2.0
    assert "doing" not in page.text
    assert page.total("registry_workers") == 1.0
    counts.close()


def test_who_comes_next_goes_on_in_the_files_of_the_dead(tmp_path: Path) -> None:
    counts = metrics.Metrics(str(tmp_path))
    for round_ in range(1, 4):
        with workers(tmp_path, 1):
            page = Page(counts.page().decode())
            assert page.total("did_total") == round_
            assert page.total("doing") == 5.0, "of this one only"
    assert len(slots(tmp_path)) == 2
    counts.close()


def test_whoever_looks_at_a_slot_does_not_take_it(tmp_path: Path) -> None:
    slot = take(tmp_path)
    assert [held.alive for held in slots(tmp_path)] == [True]
    assert [held.alive for held in slots(tmp_path)] == [True]
    slot.close()
    assert [held.alive for held in slots(tmp_path)] == [False]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "noise": lambda content: content[:40] + b"\xff" * 200 + content[240:],
    "zeros": lambda content: content[:40] + bytes(200) + content[240:],
    "short": lambda content: content[:50],
    "empty": lambda _: b"",
    "another key": lambda content: content.replace(b'"did"', b"{},  ", 1),
    "too much in use": lambda content: b"\xff\xff\xff\x7f" + content[4:],
    "backwards": lambda content: content[:8] + b"\xf0\xff\xff\xff" + content[12:],
}


def count_one(folder: Path) -> None:
    slot = take(folder)
    Counter(slot.counters, "did_total", "Things.").one()()
    slot.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_left_out_and_its_slot_is_taken_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    counts = metrics.Metrics(str(tmp_path))
    count_one(tmp_path)
    file = tmp_path / "counter_2.db"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    for _ in range(2):
        page = Page(counts.page().decode())
        assert page.total("registry_worker_starts_total") == 1.0
        assert page.total("did_total") == 0.0
    assert [record.message for record in caplog.records] == ["counts cannot be read"]
    for did in (1.0, 2.0):
        count_one(tmp_path)
        assert Page(counts.page().decode()).total("did_total") == did, "counted in a new file"
    assert len(slots(tmp_path)) == 2
    assert [record.message for record in caplog.records] == ["counts cannot be read", "counts are damaged"]
    counts.close()


def test_files_that_cannot_be_opened_leave_the_next_slot(tmp_path: Path) -> None:
    counts = metrics.Metrics(str(tmp_path))
    take(tmp_path).close()
    (tmp_path / "histogram_2.db").unlink()
    (tmp_path / "histogram_2.db").mkdir()
    slot = take(tmp_path)
    Counter(slot.counters, "did_total", "Things.").one()()
    assert Page(counts.page().decode()).total("did_total") == 1.0
    assert [held.alive for held in slots(tmp_path)] == [True, False, True]
    slot.close()
    counts.close()
