"""A worker that dies is replaced, and the requests of its siblings never notice."""

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
from tests.support.server import Server, running

NAME = "worker/app"
WORKERS = 2
CONNECTIONS = 12
RESPAWN_SECONDS = 10.0
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


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_dead_worker_is_replaced_while_the_other_goes_on(ram_path: Path, death: signal.Signals) -> None:
    blob = random.Random(0).randbytes(BLOB_BYTES)
    with running(registry(ram_path, extra=f"  workers: {WORKERS}\n")) as server, ExitStack() as stack:
        with Client(server.port) as client:
            digest = client.push_blob(NAME, blob)
        before = worker_pids(server)
        assert len(before) == WORKERS, f"{before} hold the listening socket, not {WORKERS} workers"
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
            for victim in worker_pids(server):
                os.kill(victim, signal.SIGKILL)
        eventually(lambda: answers(server, digest_of(image.blobs[0])), RESPAWN_SECONDS, "a client is served")
        assert server.process is not None
        assert server.process.poll() is None, "the parent has ended"
        with Client(server.port) as client:
            assert not client.fault_in(NAME, "kept", image)
        assert server.stop() == 0, "a server with replaced workers does not stop on SIGTERM"
