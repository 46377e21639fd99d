"""SIGTERM: requests in flight finish, and nothing that hangs can hold the server back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.debug.asking import debugged, until
from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of
from tests.faults.processes import eventually
from tests.faults.target import registry
from tests.faults.test_worker_death import kill_launcher, live
from tests.faults.wire import Answer, Wire, request_bytes, request_head
from tests.support.server import Server, running

NAME = "drain/app"
UPLOADS = 20
PULLS = 20
IDLE = 10
DRAIN_SECONDS = 10
GRACE_SECONDS = 5
UPLOAD_BYTES = 2 << 20
PULL_BYTES = 12 << 20  # more than the buffers of a socket hold, so a stopped reader keeps its pull open


class Upload:
    """A PUT of a whole blob of which half has been sent, to a server that has asked for it: a connection that no worker has taken
    yet is not in flight."""

    def __init__(self, server: Server, number: int) -> None:
        self.blob = random.Random(number).randbytes(UPLOAD_BYTES)
        self.digest = digest_of(self.blob)
        with Client(server.port) as client:
            target = with_digest(client.start_upload(NAME), self.digest)
        self.wire = Wire(server.port)
        headers = {"Content-Length": str(UPLOAD_BYTES), "Expect": "100-continue"}
        self.wire.send(request_head("PUT", target, headers))
        self.wire.peek(1)
        self.wire.send(self.blob[: UPLOAD_BYTES // 2])

    def finish(self) -> Answer:
        self.wire.send(self.blob[UPLOAD_BYTES // 2 :])
        return self.wire.receive()


class Pull:
    """A GET of a blob whose reader has taken only the first bytes."""

    def __init__(self, server: Server, digest: str) -> None:
        self.wire = Wire(server.port, receive_buffer=64 << 10)
        self.wire.send(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}"))
        self.wire.peek(1 << 10)

    def finish(self) -> Answer:
        return self.wire.receive()


def idle_connection(server: Server) -> Wire:
    wire = Wire(server.port)
    wire.send(request_bytes("GET", "/v2/"))
    wire.receive()
    return wire


def hung_upload(server: Server) -> Wire:
    """A client that stops in the middle of a body and says no more."""
    with Client(server.port) as client:
        target = client.start_upload(NAME)
    wire = Wire(server.port)
    wire.send(request_head("PATCH", target, {"Content-Length": "1000000"}) + b"x" * 1000)
    return wire


def finish_all(transfers: list[Upload | Pull]) -> Iterator[Answer | OSError]:
    """Finish every transfer at the same time; what each got."""
    results: list[Answer | OSError | None] = [None] * len(transfers)

    def finish(number: int) -> None:
        try:
            results[number] = transfers[number].finish()
        except OSError as error:
            results[number] = error

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(len(transfers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (result for result in results if result is not None)


def status_on_exit(server: Server) -> int:
    assert server.process is not None
    try:
        return server.process.wait(DRAIN_SECONDS + GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.fail(
            f"the server still runs {GRACE_SECONDS} s after its drain timeout of {DRAIN_SECONDS} s:"
            f" {server.log.read_text(errors='replace')[-2000:]}"
        )


def failed(transfer: Upload | Pull, result: Answer | OSError, pulled: bytes) -> bool:
    if isinstance(result, OSError):
        return True
    if isinstance(transfer, Upload):
        return result.status != 201
    return result.status != 200 or result.body != pulled


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_a_terminated_server_finishes_what_is_in_flight_and_exits_in_time(
    ram_path: Path, rounds: int
) -> None:
    pulled = random.Random(0).randbytes(PULL_BYTES)
    server = registry(ram_path, extra=f"  draintimeout: {DRAIN_SECONDS}s\n")
    for number in range(rounds):
        with running(server), ExitStack() as stack:
            with Client(server.port) as client:
                digest = client.push_blob(NAME, pulled)
            uploads = [Upload(server, number * UPLOADS + index) for index in range(UPLOADS)]
            transfers: list[Upload | Pull] = [*uploads, *(Pull(server, digest) for _ in range(PULLS))]
            others = [*(idle_connection(server) for _ in range(IDLE)), hung_upload(server)]
            for wire in [*(transfer.wire for transfer in transfers), *others]:
                stack.enter_context(wire)
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            results = list(finish_all(transfers))
            faults = [
                f"{type(transfer).__name__}: {result!r:.300}"
                for transfer, result in zip(transfers, results, strict=True)
                if failed(transfer, result, pulled)
            ]
            assert not faults, f"{len(faults)} of {len(transfers)} were cut by SIGTERM:\n" + "\n".join(faults)
            assert status_on_exit(server) >= 0, "the server was killed by a signal instead of ending"
            server.process = None
        with running(server), Client(server.port) as client:
            for upload in uploads:
                answer = client.request("GET", f"/v2/{NAME}/blobs/{upload.digest}")
                assert answer.body == upload.blob, f"acknowledged while draining, then {answer}"


def test_a_server_that_drains_is_not_ready(tmp_path: Path) -> None:
    """Balancers that ask the debug listener send nobody here any more, while what is in flight ends."""
    at = debugged(tmp_path)
    with running(at.server):
        assert at.page("/readyz").status == 200
        upload = Upload(at.server, 0)
        assert at.server.process is not None
        at.server.process.send_signal(signal.SIGTERM)
        until(lambda: at.page("/readyz").status == 503, "not ready")
        assert at.page("/healthz").status == 200
        assert upload.finish().status == 201
        upload.wire.close()
        status_on_exit(at.server)
        at.server.process = None


SENT = (1000, 100_000, 300_000, 1_000_000)  # less than a batch is, and more


def unread(server: Server) -> int:
    """Bytes that wait in the kernel for the server to read them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(f":{server.port:04X}"))


def leave(server: Server, orders: int) -> None:
    """Tell it to stop, so often."""
    assert server.process is not None
    for _ in range(orders):
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: "server stops" in server.log.read_text(), GRACE_SECONDS, "it stops")
    assert status_on_exit(server) == 0
    server.process = None


def leave_its_workers(server: Server, orders: int) -> None:
    """Kill the launcher, so that its workers end by themselves."""
    workers = kill_launcher(server)
    eventually(lambda: not live(workers), 2 * GRACE_SECONDS, "the workers have ended")
    server.process = None


def interrupt(server: Server, orders: int) -> None:
    """Ctrl-C, so often: the terminal sends it to the workers too."""
    assert server.process is not None
    for _ in range(orders):
        os.killpg(server.process.pid, signal.SIGINT)
        eventually(lambda: "server stops" in server.log.read_text(), GRACE_SECONDS, "it stops")
    assert status_on_exit(server) == 0
    server.process = None


@pytest.mark.parametrize(
    ("end", "drain", "orders"),
    [(leave, "1s", 1), (leave, "1h", 2), (interrupt, "1h", 2), (leave_its_workers, "1s", 0)],
)
def test_what_had_arrived_of_an_upload_that_is_cut_off_is_in_its_session_after_the_restart(
    ram_path: Path, end: Callable[[Server, int], None], drain: str, orders: int
) -> None:
    server = registry(ram_path, extra=f"  workers: 2\n  draintimeout: {drain}\n")
    blob = random.Random(0).randbytes(2 * max(SENT))
    with running(server), ExitStack() as stack:
        targets = []
        for sent in SENT:
            with Client(server.port) as client:
                targets.append(client.start_upload(NAME))
            wire = stack.enter_context(Wire(server.port))
            headers = {"Content-Length": str(len(blob)), "Expect": "100-continue"}
            wire.send(request_head("PATCH", targets[-1], headers))
            wire.peek(1)
            wire.send(blob[:sent])
        eventually(lambda: not unread(server), GRACE_SECONDS, "all that was sent has been read")
        time.sleep(0.2)  # on its way from there to the session
        end(server, orders)
        assert "requests were ended before their bodies had come whole" in server.log.read_text()
    with running(server), Client(server.port) as client:
        for sent, target in zip(SENT, targets, strict=True):
            answer = client.expect(204, "GET", target)
            assert answer.headers["range"] == f"0-{sent - 1}"
            client.expect(202, "PATCH", location(answer), blob[sent:])
            digest = digest_of(blob)
            client.expect(201, "PUT", with_digest(location(answer), digest))
            assert client.request("GET", f"/v2/{NAME}/blobs/{digest}").body == blob
