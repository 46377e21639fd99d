"""A worker that dies is replaced, and the requests of its siblings never notice. Without their launcher, all end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import digest_of, make_image
from tests.faults.processes import eventually, holder_of, worker_pids
from tests.faults.target import REGISTRY, registry
from tests.faults.wire import Wire, request_bytes
from tests.support.ports import listened_on
from tests.support.server import Server, running

NAME = "worker/app"
WORKERS = 2
CONNECTIONS = 12
RESPAWN_SECONDS = 30.0
BLOB_BYTES = 12 << 20  # more than the buffers of a socket hold: the pulls are in flight when the worker dies

pytestmark = pytest.mark.skipif(REGISTRY != "moorage", reason="the reference is one process: it dies whole")


def slow_pulls(server: Server, digest: str, stack: ExitStack) -> dict[Wire, int]:
    """Pulls that have begun, each with the process that serves it; at least two processes have some."""
    held: dict[Wire, int] = {}
    while len(held) < CONNECTIONS or len(set(held.values())) < WORKERS:
        assert len(held) < 50 * CONNECTIONS, f"one worker got all of {len(held)} connections"
        wire = stack.enter_context(Wire(server.port, receive_buffer=64 << 10))
        wire.send(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}"))
        wire.peek(1 << 10)
        held[wire] = holder_of(server, wire)
    return held


def answers(server: Server, digest: str) -> bool:
    """A new client is served. A connection may still reach the dying worker's queue: it is tried again."""
    with contextlib.suppress(OSError), Client(server.port, timeout=5) as client:
        return client.request("HEAD", f"/v2/{NAME}/blobs/{digest}").status == 200
    return False


def live(pids: set[int]) -> set[int]:
    """Those that run. Who adopts an orphan may never ask how it ended."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                found.add(pid)
    return found


def kill_workers(server: Server) -> None:
    victims = worker_pids(server)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    eventually(lambda: not live(victims), RESPAWN_SECONDS, "they are dead")


def kill_launcher(server: Server) -> set[int]:
    """Its workers."""
    workers = worker_pids(server)
    assert server.process is not None
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    return workers


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_dead_worker_is_replaced_while_the_other_goes_on(ram_path: Path, death: signal.Signals) -> None:
    blob = random.Random(0).randbytes(BLOB_BYTES)
    with running(registry(ram_path, extra=f"  workers: {WORKERS}\n")) as server, ExitStack() as stack:
        with Client(server.port) as client:
            digest = client.push_blob(NAME, blob)
        # One may have started after the first answer.
        eventually(lambda: len(worker_pids(server)) == WORKERS, RESPAWN_SECONDS, "all workers are there")
        held = slow_pulls(server, digest, stack)
        victim = next(iter(held.values()))
        os.kill(victim, death)
        survivors = [wire for wire, pid in held.items() if pid != victim]
        for wire in survivors:
            assert wire.receive().body == blob, "a pull of the other worker was disturbed"
        eventually(lambda: answers(server, digest), RESPAWN_SECONDS, "a new client is served")
        eventually(
            lambda: len(worker_pids(server) - {victim}) == WORKERS, RESPAWN_SECONDS, "the worker is replaced"
        )
        assert server.stop() == 0, "a server with a replaced worker does not stop on SIGTERM"


@pytest.mark.parametrize("deaths", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_workers_that_die_again_and_again_do_not_bring_the_server_down(ram_path: Path, deaths: int) -> None:
    image = make_image(random.Random(1))
    with running(registry(ram_path, extra=f"  workers: {WORKERS}\n")) as server:
        with Client(server.port) as client:
            client.push(NAME, "kept", image)
        for _ in range(deaths):
            eventually(lambda: len(worker_pids(server)) == WORKERS, RESPAWN_SECONDS, "all workers are there")
            kill_workers(server)
        eventually(lambda: answers(server, digest_of(image.blobs[0])), RESPAWN_SECONDS, "a client is served")
        assert server.process is not None
        assert server.process.poll() is None, "the parent has ended"
        with Client(server.port) as client:
            assert not client.fault_in(NAME, "kept", image)
        assert server.stop() == 0, "a server with replaced workers does not stop on SIGTERM"


def test_workers_whose_launcher_is_killed_finish_their_requests_and_end(ram_path: Path) -> None:
    blob = random.Random(0).randbytes(BLOB_BYTES)
    with running(registry(ram_path, extra=f"  workers: {WORKERS}\n")) as server, ExitStack() as stack:
        with Client(server.port) as client:
            digest = client.push_blob(NAME, blob)
        held = slow_pulls(server, digest, stack)
        workers = kill_launcher(server)
        eventually(
            lambda: server.log.read_text().count("launcher is gone") == WORKERS,
            RESPAWN_SECONDS,
            "they see it",
        )
        for wire in held:
            assert wire.receive().body == blob, "a pull was cut off"
        eventually(lambda: not live(workers), RESPAWN_SECONDS, "the workers have ended")
        eventually(lambda: not listened_on(server.port), RESPAWN_SECONDS, "their port is free")
        server.start()
        eventually(lambda: answers(server, digest), RESPAWN_SECONDS, "a new client is served")


def test_a_request_does_not_keep_a_worker_whose_launcher_is_killed_for_longer_than_the_drain_time(
    ram_path: Path,
) -> None:
    extra = "  workers: 1\n  draintimeout: 1s\n"
    with running(registry(ram_path, extra=extra)) as server, ExitStack() as stack:
        with Client(server.port) as client:
            digest = client.push_blob(NAME, random.Random(0).randbytes(BLOB_BYTES))
        wire = stack.enter_context(Wire(server.port, receive_buffer=64 << 10))
        wire.send(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}"))
        wire.peek(1 << 10)
        workers = kill_launcher(server)
        eventually(lambda: not live(workers), RESPAWN_SECONDS, "the worker has ended")
        eventually(lambda: not listened_on(server.port), RESPAWN_SECONDS, "its port is free")
        server.start()
        eventually(lambda: answers(server, digest), RESPAWN_SECONDS, "a new client is served")
