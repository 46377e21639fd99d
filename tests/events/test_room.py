"""Where the queue is, and what the registry does when there is no room for it: it goes on serving."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.events.filesystems import network_file_system
from moorage.events.outages import QUIET_SECONDS
from moorage.events.queue import Queue
from tests.events.listener import Listener, answer
from tests.events.telling import endpoint, telling, wait_for_events
from tests.faults.client import Client
from tests.faults.processes import eventually, worker_pids
from tests.metrics.scraped import counting, scrape
from tests.support import forking
from tests.support.disks import fill, small_disk
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command, running

PATIENT = ("backoff: 1h", "maxbackoff: 1h", "threshold: 1", "timeout: 30s")
LOST = "events are dropped"
AGAIN = "events are kept again"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "2m") as disk:
        yield disk


def lines(log: Path, text: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if text in line]


def dropped(path: Path) -> int:
    queue = Queue(path, limit=64 << 20)
    found = queue.counts()["one"].dropped
    queue.close()
    return found


def test_a_full_disk_under_the_queue_stops_no_push_and_is_told_once(tmp_path: Path, tiny_disk: Path) -> None:
    path = tiny_disk / "queue" / "events.db"
    path.parent.mkdir()
    server = telling(
        tmp_path / "server",
        endpoint("one", f"http://127.0.0.1:{free_port()}/", *PATIENT),
        more=f"  queue: {{path: {path}}}\n",
        extra="  workers: 2\n",
    )
    ballast = tiny_disk / "ballast"
    with running(server):
        with Client(server.port) as client:
            client.push_blob("a", b"before")
        fill(ballast)
        pushed = 0
        while not lines(server.log, LOST):
            pushed += push_blobs(server.port, 20)
            assert pushed < 5000
        push_blobs(server.port, 20)
        ballast.unlink()
        time.sleep(QUIET_SECONDS + 0.5)
        push_blobs(server.port, 20)
        eventually(lambda: bool(lines(server.log, AGAIN)), 20, "it is told that events are kept again")
    (line,) = lines(server.log, LOST)
    assert f"path={path}" in line
    (line,) = lines(server.log, AGAIN)
    lost = dropped(path)
    assert lost > 20
    assert f"dropped={lost}" in line


def push_blobs(port: int, count: int) -> int:
    """Over several connections, so that several workers get some. UnexpectedAnswer for what is not 201."""
    for _ in range(4):
        with Client(port) as client:
            for _ in range(count // 4):
                client.push_blob("a", os.urandom(16))
    return count


def test_counters_of_a_queue_without_room_never_go_back_whichever_worker_answers(
    tmp_path: Path, tiny_disk: Path
) -> None:
    path, debug, ballast = tiny_disk / "events.db", free_port(), tiny_disk / "ballast"
    found: list[dict[str, float]] = []

    def look() -> bool:
        """Whether all answers, of either worker, had counters, which they have not while the queue is not open."""
        seen = [counters(debug) for _ in range(8)]
        found.extend(seen if all(seen) else ())
        return all(seen)

    with Listener() as listener:
        listener.otherwise = answer(500)
        server = telling(
            tmp_path / "server",
            endpoint("one", listener.url, "threshold: 1000", "timeout: 30s"),
            more=f"  queue: {{path: {path}}}\n",
            extra=counting(debug),
        )
        with running(server):
            push_blobs(server.port, 4)
            fill(ballast)
            pushed = 0
            while not lines(server.log, LOST):
                pushed += push_blobs(server.port, 20)
                assert pushed < 5000
            for _ in range(5):
                push_blobs(server.port, 20)
                assert look()
            for worker in two_workers(server):
                os.kill(worker, signal.SIGKILL)
            eventually(look, 30, "both have the queue open again")
            lost = found[-1]["registry_notifications_dropped_total"]
            ballast.unlink()
            listener.otherwise = answer(200)
            push_blobs(server.port, 20)
            eventually(lambda: counters(debug).get("Successes", 0) >= 24, 30, "all is delivered")
            eventually(look, 30, "both have the queue open")
    assert lost >= 100
    assert [counts["registry_notifications_dropped_total"] for counts in found[-8:]] == [lost] * 8
    for before, after in itertools.pairwise(found):
        assert {name: after[name] for name in before if after[name] < before[name]} == {}
    assert dropped(path) == lost


def two_workers(server: Server) -> set[int]:
    """The kernel's tables may show fewer for a moment."""
    seen: set[int] = set()

    def both_are_seen() -> bool:
        seen.clear()
        seen.update(worker_pids(server))
        return len(seen) == 2

    eventually(both_are_seen, 30, "two workers are seen")
    return seen


def counters(port: int) -> dict[str, float]:
    """Of the only endpoint."""
    return {
        sample.labels.get("type", sample.labels.get("code", sample.name)): sample.value
        for sample in scrape(port).samples
        if sample.name.startswith("registry_notifications_")
        and sample.name.endswith("_total")
        and sample.name != "registry_notifications_pending_total"
    }


def test_events_beyond_the_size_of_the_queue_are_dropped_and_pushes_are_not(tmp_path: Path) -> None:
    server = telling(
        tmp_path,
        endpoint("one", f"http://127.0.0.1:{free_port()}/{'x' * 10}", *PATIENT),
        more="  queue: {size: 1MiB}\n",
    )
    agent = {"User-Agent": "x" * 7000}
    path = server.root / ".moorage" / "events.db"
    with running(server), Client(server.port) as client:
        digest = client.push_blob("a", b"x")
        for _ in range(150):
            client.expect(200, "GET", f"/v2/a/blobs/{digest}", headers=agent)
        client.push_blob("a", b"y")
    assert len(lines(server.log, LOST)) == 1
    assert dropped(path) > 0
    assert path.stat().st_size <= 1 << 20


def test_a_damaged_queue_is_moved_aside_and_the_registry_serves(tmp_path: Path) -> None:
    with Listener() as listener:
        server = telling(tmp_path, endpoint("one", listener.url), extra="  workers: 2\n")
        path = server.root / ".moorage" / "events.db"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"no database" * 1000)
        with running(server), Client(server.port) as client:
            client.push_blob("a", b"x")
            wait_for_events(listener, "a", 1)
    (line,) = lines(server.log, "moved aside")
    assert str(path) in line
    assert [aside.read_bytes() for aside in path.parent.glob("*damaged*")] == [b"no database" * 1000]


def test_a_queue_that_cannot_be_is_refused_at_the_start_with_the_key_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    server = telling(
        tmp_path / "server",
        endpoint("one", "http://127.0.0.1:1/"),
        more=f"  queue: {{path: {tmp_path}/file/events.db}}\n",
    )
    done = forking.command(*server.command[1:])
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("moorage: ")]
    assert line.startswith("moorage: notifications.queue.path: ")
    assert "file/events.db" in line


def test_beside_object_stores_the_queue_is_in_the_state_directory(tmp_path: Path) -> None:
    config, port = tmp_path / "config.yml", free_port()
    config.write_text(
        f"version: 0.1\nstorage:\n  inmemory:\nhttp: {{addr: '127.0.0.1:{port}'}}\nnotifications:\n  endpoints:\n"
        + endpoint("one", "http://127.0.0.1:1/")
    )
    state = {"STATE_DIRECTORY": str(tmp_path / "state")}
    serve = moorage_command("serve", str(config))
    with running(Server(serve, port, tmp_path, tmp_path / "log", state)):
        assert (tmp_path / "state" / "events.db").exists()


def test_a_local_disk_is_no_network(tmp_path: Path) -> None:
    assert network_file_system(tmp_path / "events.db") == ""
