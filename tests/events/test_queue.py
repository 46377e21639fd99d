"""The queue on disk: what was kept is there, in its order, whoever dies; and it takes no more room than it may."""

from __future__ import annotations

import logging
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.events.queue import Queue, QueueError, Row, Waiting
from tests.contracts.disk import descriptors
from tests.support.tools import absent, require

LIMIT = 64 << 20
EVENT = b"x" * 1200

PUTTER = """
import sys
from pathlib import Path
from moorage.events.queue import Queue, Row
path, name, count = sys.argv[1:]
queue = Queue(Path(path), limit=64 << 20)
for number in range(int(count)):
    queue.put([Row("one", name, b"%d" % number)])
    print(number, flush=True)
queue.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue" / "events.db"


@pytest.fixture
def queue(path: Path) -> Iterator[Queue]:
    opened = Queue(path, limit=LIMIT)
    yield opened
    opened.close()


def putter(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUTTER, str(path), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def texts(queue: Queue, endpoint: str = "one") -> list[bytes]:
    return [kept.event for kept in queue.first(endpoint, 1_000_000)]


def test_events_come_back_in_the_order_in_which_they_were_kept(queue: Queue) -> None:
    queue.put([Row("one", "a", b"1"), Row("two", "a", b"1"), Row("one", "b", b"2")])
    queue.put([Row("two", "b", b"2"), Row("one", "a", b"3")])
    kept = queue.first("one", 10)
    assert [(one.repository, one.event) for one in kept] == [("a", b"1"), ("b", b"2"), ("a", b"3")]
    assert [one.number for one in kept] == sorted({one.number for one in kept})
    assert texts(queue, "two") == [b"1", b"2"]
    assert queue.first("one", 2) == kept[:2]
    assert texts(queue, "three") == []


def test_what_was_delivered_goes_and_is_counted(queue: Queue) -> None:
    queue.put([Row("one", "a", b"%d" % number) for number in range(5)])
    queue.delivered("one", [one.number for one in queue.first("one", 2)], "202 Accepted")
    queue.delivered("one", [queue.first("one", 1)[0].number], "200 OK")
    queue.failed("one", "500 Internal Server Error")
    queue.failed("one", "")
    assert texts(queue) == [b"3", b"4"]
    counts = queue.counts()["one"]
    assert (counts.events, counts.successes, counts.failures, counts.errors) == (5, 3, 1, 1)
    assert counts.statuses == {"202 Accepted": 2, "200 OK": 1, "500 Internal Server Error": 1}
    assert queue.waiting()["one"].count == 2


def test_what_was_dropped_while_it_was_sent_is_counted_once(queue: Queue) -> None:
    queue.put([Row("one", "a", b"%d" % number) for number in range(3)])
    sent = [one.number for one in queue.first("one", 2)]
    assert queue.drop("one", None) == 3
    queue.put([Row("one", "a", b"3")])
    queue.delivered("one", [*sent, queue.first("one", 1)[0].number], "200 OK")
    counts = queue.counts()["one"]
    assert (counts.events, counts.successes, counts.dropped) == (4, 1, 3)
    assert counts.statuses == {"200 OK": 3}
    assert queue.waiting()["one"].count == 0


def test_the_oldest_that_waits_is_known(queue: Queue) -> None:
    queue.put([Row("one", "a", b"1")])
    queue.put([Row("one", "a", b"2")])
    first, second = queue.first("one", 2)
    assert queue.waiting() == {"one": Waiting(2, first.moment)}
    queue.delivered("one", [first.number], "200 OK")
    assert queue.waiting() == {"one": Waiting(1, second.moment)}
    queue.delivered("one", [second.number], "200 OK")
    assert queue.waiting() == {"one": Waiting(0, 0.0)}


def test_all_is_there_after_the_file_was_closed(path: Path) -> None:
    queue = Queue(path, limit=LIMIT)
    queue.put([Row("one", "a", b"1")])
    queue.dropped("one", 3)
    queue.close()
    queue = Queue(path, limit=LIMIT)
    assert texts(queue) == [b"1"]
    assert queue.counts()["one"].dropped == 3
    queue.close()


def test_a_number_is_never_used_again(queue: Queue) -> None:
    """Else one who says late what was delivered would remove what was not."""
    queue.put([Row("one", "a", b"1")])
    stale = queue.first("one", 1)[0].number
    assert queue.drop(None, None) == 1
    queue.put([Row("one", "a", b"2")])
    queue.delivered("one", [stale], "200 OK")
    assert texts(queue) == [b"2"]


def test_what_was_kept_outlives_the_process_that_is_killed_at_it(path: Path) -> None:
    process = putter(path, "a", 100_000)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(random.Random().randrange(20, 200))]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.communicate()
    queue = Queue(path, limit=LIMIT)
    kept = texts(queue)
    queue.close()
    assert kept[: len(told)] == [line.strip().encode() for line in told]
    assert len(kept) <= len(told) + 1


def test_processes_keep_events_side_by_side_and_each_in_its_order(path: Path) -> None:
    processes = [putter(path, name, 150) for name in "abcd"]
    delivered: list[tuple[str, bytes]] = []
    queue = Queue(path, limit=LIMIT)
    while len(delivered) < 600:
        over = all(process.poll() is not None for process in processes)
        kept = queue.first("one", 7)
        assert kept or not over, f"only {len(delivered)} were kept"
        queue.delivered("one", [one.number for one in kept], "200 OK")
        delivered += [(one.repository, one.event) for one in kept]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    for name in "abcd":
        assert [event for found, event in delivered if found == name] == [b"%d" % n for n in range(150)]
    assert queue.waiting()["one"].count == 0
    assert queue.counts()["one"].events == 600
    queue.close()


def test_threads_share_a_queue(queue: Queue) -> None:
    def put(name: str) -> None:
        for number in range(50):
            queue.put([Row("one", name, b"%d" % number)])

    threads = [threading.Thread(target=put, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    count = 0
    while count < 100:
        kept = queue.first("one", 10)
        queue.delivered("one", [one.number for one in kept], "200 OK")
        count += len(kept)
    for thread in threads:
        thread.join()
    assert (queue.counts()["one"].events, queue.counts()["one"].successes) == (100, 100)


def test_others_are_seen_to_have_written(queue: Queue, path: Path) -> None:
    watch = queue.watch()
    watch.changed()
    assert not watch.changed()
    other = Queue(path, limit=LIMIT)
    other.put([Row("one", "a", b"1")])
    assert watch.changed()
    assert not watch.changed()
    other.close()


def test_one_event_is_synced_once_and_the_files_with_their_names(path: Path, tmp_path: Path) -> None:
    require("strace")
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    command += [sys.executable, "-c", PUTTER, str(path), "a"]
    if subprocess.run([*command, "0"], check=False, capture_output=True).returncode:
        absent("strace may not trace here")

    def syncs(count: int) -> Counter[str]:
        subprocess.run([*command, str(count)], check=True, capture_output=True)
        return Counter(re.findall(r"sync\(\d+<(.*?)>", trace.read_text()))

    few, many = syncs(10), syncs(30)
    assert many - few == {f"{path}-wal": 20}
    assert few[str(path)], "when what waits in the log moves there"
    assert few[str(path.parent)]


@pytest.mark.parametrize("damage", ["text", "head", "middle", "tail"])
def test_a_damaged_file_is_moved_aside_and_another_one_begun(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue = Queue(path, limit=LIMIT)
    queue.put([Row("one", "a", EVENT)] * 200)
    queue.close()
    content = bytearray(path.read_bytes())
    if damage == "text":
        content[:] = b"what an editor left"
    elif damage == "tail":
        del content[len(content) // 2 :]
    else:
        start = 0 if damage == "head" else len(content) // 2
        content[start : start + 8192] = b"\xa5" * 8192
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        queue = Queue(path, limit=LIMIT, check=True)
    queue.put([Row("one", "a", b"1")])
    assert texts(queue) == [b"1"]
    queue.close()
    aside = [file for file in path.parent.iterdir() if "damaged" in file.name]
    assert [file.read_bytes() for file in aside] == [bytes(content)]
    assert path.stat().st_mode & 0o777 == 0o600, "others may not read who did what"
    (line,) = caplog.records
    assert vars(line)["path"] == str(path)
    assert vars(line)["moved"] == str(aside[0])


def test_the_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    Queue(path, limit=LIMIT).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(QueueError, match="newer version"):
        Queue(path, limit=LIMIT)


def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(QueueError, match=r"file/events\.db: File exists"):
        Queue(tmp_path / "file" / "events.db", limit=LIMIT)


def test_others_on_the_machine_cannot_read_it(path: Path) -> None:
    queue = Queue(path, limit=LIMIT)
    queue.put([Row("one", "a", b"1")])
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name
    queue.close()


def test_events_are_dropped_by_endpoint_and_age(queue: Queue) -> None:
    queue.put([Row("one", "a", b"1"), Row("two", "a", b"1")])
    moment = queue.first("one", 1)[0].moment
    assert queue.drop(None, moment) == 0
    assert queue.drop("one", None) == 1
    assert texts(queue, "two") == [b"1"]
    queue.put([Row("two", "a", b"2")])
    assert queue.drop("two", queue.first("two", 2)[1].moment) == 1
    assert texts(queue, "two") == [b"2"]
    assert queue.drop(None, None) == 1
    assert {name: counts.dropped for name, counts in queue.counts().items()} == {"one": 1, "two": 2}
    assert {name: one.count for name, one in queue.waiting().items()} == {"one": 0, "two": 0}


def test_many_events_are_dropped_as_well_as_few(queue: Queue) -> None:
    queue.put([Row("one", "a", b"x")] * 2500)
    assert queue.drop("one", None) == 2500
    assert queue.waiting()["one"].count == 0
    assert queue.counts()["one"].dropped == 2500


def test_whoever_delivers_can_be_asked_to_hurry(queue: Queue, path: Path) -> None:
    queue.put([Row("one", "a", b"1"), Row("two", "a", b"1")])
    before = queue.hurries()
    other = Queue(path, limit=LIMIT)
    other.hurry("one")
    assert queue.hurries() == {**before, "one": before["one"] + 1}
    other.hurry(None)
    assert queue.hurries() == {
        name: count + 1 for name, count in {**before, "one": before["one"] + 1}.items()
    }
    other.close()


def test_files_are_not_left_open(path: Path) -> None:
    for _ in range(3):
        queue = Queue(path, limit=LIMIT)
        queue.put([Row("one", "a", b"1")])
        queue.waiting()
        queue.watch().changed()
        queue.close()
    # What else this process has open may change meanwhile.
    assert [name for name in descriptors() if str(path.parent) in name] == []


def test_a_lock_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    Path(tmp_path, "events.db.writing").mkdir()
    with pytest.raises(QueueError, match=r"events\.db\.writing: Is a directory"):
        Queue(tmp_path / "events.db", limit=64 << 20)
