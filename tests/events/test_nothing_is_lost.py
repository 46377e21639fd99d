"""Every event of every push that was acknowledged arrives, in the order of its repository: whoever is down, and whoever dies."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.events.listener import Listener, answer
from tests.events.telling import endpoint, telling, wait_for_events
from tests.faults.client import Client
from tests.faults.images import MANIFEST_TYPE, Image, image_of
from tests.faults.memory import MIB
from tests.faults.processes import eventually
from tests.faults.target import seed
from tests.support.ports import free_port
from tests.support.server import Server, running

WORKERS = "  workers: 2\n"
REPOSITORIES = 3
CLIENTS = 6


@dataclass
class Pushing:
    """Clients that push the same image under ever new tags, each to a repository that two of them share. `acknowledged`: by
    client, in order."""

    server: Server
    image: Image
    pushes: int
    acknowledged: dict[int, list[str]] = field(
        default_factory=lambda: {number: [] for number in range(CLIENTS)}
    )
    stopped: threading.Event = field(default_factory=threading.Event)

    def repository(self, client: int) -> str:
        return f"lost/{client % REPOSITORIES}"

    def run(self, during: threading.Event) -> None:
        """Until so many were acknowledged in all; sets `during` when half of them were."""
        threads = [threading.Thread(target=self._push, args=(client,)) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            if self.count >= self.pushes // 2:
                during.set()
            time.sleep(0.005)
        during.set()

    @property
    def count(self) -> int:
        return sum(len(tags) for tags in self.acknowledged.values())

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.server.port), 10).close()
        except OSError:
            return False
        return True

    def _push(self, number: int) -> None:
        """Goes on over the death of the server."""
        attempt = 0
        name = self.repository(number)
        with Client(self.server.port) as client:
            while self.count < self.pushes:
                attempt += 1
                tag = f"c{number}-{attempt}"
                try:
                    client.expect(
                        201,
                        "PUT",
                        f"/v2/{name}/manifests/{tag}",
                        self.image.manifest,
                        {"Content-Type": MANIFEST_TYPE},
                    )
                except OSError:
                    eventually(self.answers, 60, "the server is there again")
                    continue
                self.acknowledged[number].append(tag)


def prepare(server: Server, image: Image) -> None:
    with Client(server.port) as client:
        for number in range(REPOSITORIES):
            client.push(f"lost/{number}", "first", image)


def worker_bytes(server: Server) -> list[int]:
    return [
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for pid in server.pids()[1:]
    ]


@pytest.mark.parametrize("pushes", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_an_endpoint_that_was_down_gets_all_that_was_acknowledged_in_spite_of_a_kill(
    tmp_path: Path, pushes: int
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    server = telling(
        tmp_path,
        endpoint("down", url, "timeout: 5s", "backoff: 100ms", "maxbackoff: 1s", "threshold: 1", "batch: 50"),
        extra=WORKERS,
    )
    image = image_of(random.Random(seed()), layers=1)
    half = threading.Event()
    with running(server):
        prepare(server, image)
        pushing = Pushing(server, image, pushes)
        clients = threading.Thread(target=pushing.run, args=(half,))
        before = max(worker_bytes(server))
        clients.start()
        half.wait()
        grown = [max(worker_bytes(server)) - before]
        server.kill()
        server.start()
        before = max(worker_bytes(server))
        clients.join()
        grown.append(max(worker_bytes(server)) - before)
        print(f"{pushing.count} pushes; memory of a worker grew by {[one // 1024 for one in grown]} KiB")
        assert pushing.count >= pushes
        with Listener(port=port) as listener:
            check_arrival(listener, pushing)
            after = max(worker_bytes(server)) - before
        assert max(*grown, after) < 20 * MIB


def check_arrival(listener: Listener, pushing: Pushing) -> None:
    """What comes more than once counts where it came first."""
    seen = 0
    arrived: dict[str, dict[str, None]] = {f"lost/{number}": {} for number in range(REPOSITORIES)}

    def complete() -> bool:
        nonlocal seen
        new = listener.received[seen:]
        seen += len(new)
        for event in (event for request in new for event in request.events):
            if "tag" in event["target"]:
                arrived[event["target"]["repository"]].setdefault(event["target"]["tag"])
        return all(
            arrived[pushing.repository(client)].keys() >= set(tags)
            for client, tags in pushing.acknowledged.items()
        )

    eventually(complete, 300, "all acknowledged pushes are told")
    for client, tags in pushing.acknowledged.items():
        wanted = set(tags)
        assert [tag for tag in arrived[pushing.repository(client)] if tag in wanted] == tags


def test_another_worker_delivers_when_the_one_that_did_dies(tmp_path: Path) -> None:
    with Listener() as listener:
        server = telling(tmp_path, endpoint("one", listener.url, "timeout: 20s"), extra=WORKERS)
        with running(server), Client(server.port) as client:
            client.push_blob("a", b"before")
            wait_for_events(listener, "a", 1)
            os.kill(deliverer(server), signal.SIGKILL)
            for number in range(5):
                with Client(server.port) as another:
                    another.push_blob("a", b"after %d" % number)
            events = wait_for_events(listener, "a", 6)
    assert len(events) == 6


def deliverer(server: Server) -> int:
    """The process that holds the lock of delivery."""
    inode = os.stat(server.root / ".moorage" / "events.db.lock").st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and int(fields[5].rpartition(":")[2]) == inode:
            return int(fields[4])
    raise AssertionError("nobody delivers")


def test_one_dead_listener_holds_nothing_back_from_the_others(tmp_path: Path) -> None:
    with Listener() as alive, Listener() as failing:
        failing.otherwise = answer(500)
        server = telling(
            tmp_path,
            endpoint("failing", failing.url, "backoff: 1h", "maxbackoff: 1h", "threshold: 1"),
            endpoint(
                "down",
                f"http://127.0.0.1:{free_port()}/hook",
                "backoff: 1h",
                "maxbackoff: 1h",
                "threshold: 1",
            ),
            endpoint("alive", alive.url, "timeout: 20s"),
        )
        with running(server), Client(server.port) as client:
            for number in range(20):
                client.push_blob("a", b"blob %d" % number)
            events = wait_for_events(alive, "a", 20)
        assert len(events) == 20
        assert len(failing.received) < 20
