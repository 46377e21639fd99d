"""A client that disconnects in the middle of an upload finds out how far it came, and goes on from there."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of
from tests.faults.target import registry, seed
from tests.faults.wire import Answer, Wire, request_head
from tests.support.server import Server, running

NAME = "resume/app"
LARGEST = 3 << 20
PATIENCE_SECONDS = 30.0
CHUNK = 50_000


def cut_patch(server: Server, target: str, blob: bytes, cut: int, source: random.Random) -> None:
    """Send the first `cut` bytes of a PATCH that promised all of `blob`, then go."""
    chunked = source.random() < 0.5
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(blob))}
    wire = Wire(server.port)
    wire.send(request_head("PATCH", target, {"Content-Type": "application/octet-stream", **framing}))
    for start in range(0, cut, CHUNK):
        piece = blob[start : min(start + CHUNK, cut)]
        wire.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
    wire.close()


def received(answer: Answer) -> int:
    """Bytes the server has, from `Range: 0-<last>`. 0-0 is what an empty session answers too."""
    last = int(answer.headers["range"].rpartition("-")[2])
    return last + 1 if last else 0


def where_it_stopped(client: Client, target: str, cut: int) -> tuple[int, str]:
    """Ask the session until the server has taken in what was sent; the offset and the next target.

    The server reads on for a moment after the client has gone, so the first answers may be short.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status = client.expect(204, "GET", target)
        offset = received(status)
        assert offset <= cut, f"the session has {offset} bytes, but only {cut} were sent"
        if offset == cut or cut <= 1:
            return offset, location(status)
        assert time.monotonic() < deadline, f"{cut} bytes were sent and {offset} of them kept"
        time.sleep(0.01)


@pytest.mark.parametrize("cuts", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_an_upload_cut_anywhere_is_resumed_from_the_range_of_its_session(ram_path: Path, cuts: int) -> None:
    source = random.Random(seed())
    with running(registry(ram_path)) as server, Client(server.port) as client:
        for _ in range(cuts):
            blob = source.randbytes(source.randrange(2, LARGEST))
            cut = source.randrange(len(blob))
            target = client.start_upload(NAME)
            cut_patch(server, target, blob, cut, source)
            offset, target = where_it_stopped(client, target, cut)
            headers = {
                "Content-Range": f"{offset}-{len(blob) - 1}",
                "Content-Type": "application/octet-stream",
            }
            target = location(client.expect(202, "PATCH", target, blob[offset:], headers))
            digest = digest_of(blob)
            done = client.expect(201, "PUT", with_digest(target, digest))
            assert done.headers["docker-content-digest"] == digest
            assert client.request("GET", f"/v2/{NAME}/blobs/{digest}").body == blob
