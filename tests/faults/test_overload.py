"""More work than the limits allow: the rest is refused at once and told when to come again."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.auth.hashing import line
from tests.faults.client import Client
from tests.faults.processes import eventually, open_connections
from tests.faults.target import REGISTRY, registry
from tests.faults.wire import Answer, Wire, request_bytes, request_head
from tests.server.http2 import Http2
from tests.support.server import Server, running

NAME = "overload/app"
ALLOWED = 20
ASKED = 80
CONNECTIONS = 100
REFUSED = (429, 503)
BLOB = random.Random(0).randbytes(12 << 20)  # more than the buffers of a socket hold
UPLOAD = random.Random(1).randbytes(1 << 20)
LIMITS = f"  workers: 1\n  limits: {{downloads: {ALLOWED}, uploads: {ALLOWED}}}\n"
FEW_PLACES = "  workers: 1\n  h2c: {enabled: true}\n  limits: {reads: 64, uploads: 20}\n"
FEW_CONNECTIONS = f"  workers: 1\n  limits: {{connections: {CONNECTIONS}, headertimeout: 2s}}\n"

pytestmark = pytest.mark.skipif(REGISTRY != "moorage", reason="the reference has no such limits")


@pytest.fixture
def server(ram_path: Path) -> Iterator[Server]:
    with running(registry(ram_path, extra=LIMITS)) as started:
        yield started


def refused(answers: list[Answer]) -> list[Answer]:
    """The answers that say to come again; each must say when."""
    found = [answer for answer in answers if answer.status in REFUSED]
    for answer in found:
        assert answer.headers.get("retry-after", "").isdigit(), (
            f"refused without Retry-After: {answer.headers}"
        )
    return found


def test_downloads_over_the_limit_are_refused_and_the_others_finish(server: Server) -> None:
    with Client(server.port) as client, ExitStack() as stack:
        digest = client.push_blob(NAME, BLOB)
        wires = [stack.enter_context(Wire(server.port, receive_buffer=64 << 10)) for _ in range(ASKED)]
        for wire in wires:
            wire.send(request_bytes("GET", f"/v2/{NAME}/blobs/{digest}"))
            wire.peek(1)
        answers = [wire.receive() for wire in wires]
        whole = [answer for answer in answers if answer.status == 200 and answer.body == BLOB]
        assert len(refused(answers)) == ASKED - ALLOWED, [answer.status for answer in answers]
        assert len(whole) == ALLOWED, f"only {len(whole)} of the downloads within the limit were whole"
        assert client.request("GET", f"/v2/{NAME}/blobs/{digest}").body == BLOB, "not back to normal"


def test_uploads_over_the_limit_are_refused_and_the_others_finish(server: Server) -> None:
    with Client(server.port) as client, ExitStack() as stack:
        targets = [client.start_upload(NAME) for _ in range(ASKED)]
        wires = [stack.enter_context(Wire(server.port)) for _ in range(ASKED)]
        for wire, target in zip(wires, targets, strict=True):
            wire.send(request_head("PATCH", target, {"Content-Length": str(len(UPLOAD))}) + UPLOAD[:100_000])
        eventually(
            lambda: sum(wire.answered_within(0) for wire in wires) == ASKED - ALLOWED,
            30.0,
            f"of {ASKED} uploads, all but {ALLOWED} are refused",
        )
        for wire in [wire for wire in wires if not wire.answered_within(0)]:
            wire.send(UPLOAD[100_000:])
        answers = [wire.receive() for wire in wires]
        assert len(refused(answers)) == ASKED - ALLOWED, [answer.status for answer in answers]
        assert [answer.status for answer in answers].count(202) == ALLOWED
        client.push_blob(NAME, UPLOAD)


def test_a_client_that_reads_only_when_it_has_sent_all_learns_when_to_come_again(server: Server) -> None:
    with Client(server.port) as client, ExitStack() as stack:
        target, *others = [client.start_upload(NAME) for _ in range(1 + ALLOWED)]
        for other in others:
            wire = stack.enter_context(Wire(server.port))
            wire.send(request_head("PATCH", other, {"Content-Length": "1", "Expect": "100-continue"}))
            wire.peek(1)
        for headers in ({"Content-Length": str(len(BLOB))}, {"Transfer-Encoding": "chunked"}):
            late = stack.enter_context(Wire(server.port))
            late.send(request_head("PATCH", target, headers))
            late.send(BLOB if "Content-Length" in headers else b"%x\r\n%b\r\n0\r\n\r\n" % (len(BLOB), BLOB))
            assert len(refused([late.receive()])) == 1


def test_connections_over_the_limit_wait_or_are_refused_and_then_all_is_normal(ram_path: Path) -> None:
    with running(registry(ram_path, extra=FEW_CONNECTIONS)) as server:
        with ExitStack() as stack:
            wires = [stack.enter_context(Wire(server.port)) for _ in range(3 * CONNECTIONS)]
            ports = {wire.socket.getsockname()[1] for wire in wires}
            eventually(
                lambda: not ports & open_connections(server.port), 60.0, "silent connections are closed"
            )
        with Client(server.port) as client:
            client.push_blob(NAME, UPLOAD)


def withhold_bodies(stack: ExitStack, server: Server, method: str, path: str) -> None:
    """Begin more requests than the server takes at a time, over two connections, and send no body."""
    for _ in range(2):
        plain = socket.create_connection(("127.0.0.1", server.port), 30)
        client = stack.enter_context(Http2(plain))
        streams = [client.begin(method, path, {"content-length": "1000"}, end=False) for _ in range(100)]
        while not any(client.streams[number].complete for number in streams):
            client.pump()


def answered(client: Client, method: str, target: str, body: bytes | None, status: int) -> None:
    eventually(
        lambda: client.request(method, target, body).status == status, 30.0, f"{method} {target} is {status}"
    )


def test_strangers_who_withhold_forms_take_no_place_from_others(ram_path: Path) -> None:
    passwords = ram_path / "htpasswd"
    passwords.write_text(line("alice", "secret"))
    rules = 'access:\n- {repositories: ["**"], users: ["*"], allow: [pull, push]}\n'
    access = f"auth:\n  htpasswd: {{realm: here, path: {passwords}}}\n{rules}"
    with running(registry(ram_path, extra=FEW_PLACES + access)) as server, ExitStack() as stack:
        client = stack.enter_context(Client(server.port))
        withhold_bodies(stack, server, "POST", "/auth/token")
        answered(client, "GET", "/v2/", None, 401)
        answered(client, "POST", "/auth/token", b"grant_type=none", 400)


def test_manifests_whose_bodies_are_withheld_take_no_place_from_others(ram_path: Path) -> None:
    with running(registry(ram_path, extra=FEW_PLACES)) as server, ExitStack() as stack:
        client = stack.enter_context(Client(server.port))
        withhold_bodies(stack, server, "PUT", f"/v2/{NAME}/manifests/x")
        answered(client, "POST", f"/v2/{NAME}/blobs/uploads/", None, 202)
        answered(client, "PUT", f"/v2/{NAME}/manifests/x", b"{}", 400)
