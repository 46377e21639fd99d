"""Bodies too large to be kept: refused, or passed on in pieces, but never held in memory; and answers that nobody takes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.client import Client, with_digest
from tests.faults.images import MANIFEST_TYPE, Image, digest_of, make_image
from tests.faults.memory import MIB, MemoryWatch
from tests.faults.target import REGISTRY, registry
from tests.faults.wire import Answer, Wire, request_head
from tests.server.http2 import Http2
from tests.support.server import Server, running

NAME = "memory/app"
LIMIT = 4 * MIB  # the largest manifest
REPEATS = 20  # what is kept of a refused body would add up
REPEATS_OF_LARGE = 3
GROWTH_LIMIT = 32 * MIB
UNTAKEN = 60  # answers at once on one connection
TARGET = f"/v2/{NAME}/manifests/large"
PIECE = bytes(1 * MIB)


@pytest.fixture
def server(ram_path: Path) -> Iterator[Server]:
    with running(registry(ram_path)) as started:
        yield started


def answer_to(server: Server, framing: dict[str, str], pieces: list[bytes]) -> Answer | None:
    """The answer to a manifest sent in pieces; None when the server cut the connection instead."""
    with Wire(server.port) as wire:
        wire.send(request_head("PUT", TARGET, {"Content-Type": MANIFEST_TYPE, **framing}))
        try:
            for piece in pieces:
                wire.send(piece)
        except OSError:
            if not wire.answered_within(1.0):
                return None
        try:
            return wire.receive()
        except OSError:
            return None


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("framing", "pieces"),
    [
        ({"Content-Length": str(LIMIT + 1)}, [PIECE] * 4 + [b"x"]),
        ({"Transfer-Encoding": "chunked"}, [chunk(PIECE)] * 4 + [chunk(b"x") + b"0\r\n\r\n"]),
        ({"Transfer-Encoding": "chunked"}, [chunk(PIECE)] * 32 + [b"0\r\n\r\n"]),
        ({"Content-Length": str(1 << 40)}, [PIECE] * 32),
    ],
    ids=["one byte too many", "chunked", "chunked and much too long", "promised a tebibyte"],
)
def test_a_manifest_over_the_limit_is_refused_and_not_kept_in_memory(
    server: Server, framing: dict[str, str], pieces: list[bytes]
) -> None:
    with MemoryWatch(server) as watch:
        repeats = REPEATS if len(pieces) < 10 else REPEATS_OF_LARGE
        answers = [answer_to(server, framing, pieces) for _ in range(repeats)]
    print(f"{answers[0]}, {watch.growth // MIB} MiB more")
    assert all(answer is None or 400 <= answer.status < 500 for answer in answers), answers
    if framing.get("Content-Length") == str(LIMIT + 1):
        assert [answer and answer.status for answer in answers] == [413] * REPEATS
    assert watch.growth < GROWTH_LIMIT, f"{watch.growth // MIB} MiB more for a body that was refused"


def test_a_manifest_with_a_length_too_short_is_judged_by_its_length(server: Server) -> None:
    with MemoryWatch(server) as watch:
        answer = answer_to(server, {"Content-Length": "100"}, [PIECE] * 5)
    assert answer is None or 400 <= answer.status < 500, answer
    assert watch.growth < GROWTH_LIMIT, f"{watch.growth // MIB} MiB more for a body that was refused"


def large_image(kind: str) -> Image:
    """Its manifest has the largest size, or so many small annotations that they would take most of the cache."""
    config = b"{}"
    annotations = {f"{number:x}": "" for number in range(200_000)} if kind == "annotations" else {}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(config),
            "size": len(config),
        },
        "layers": [],
        "annotations": annotations,
    }
    return Image(json.dumps(document).encode().ljust(LIMIT if kind == "padded" else 0), (config,))


@pytest.mark.parametrize("kind", ["padded", "annotations"])
def test_many_who_ask_for_one_large_manifest_take_little_memory(ram_path: Path, kind: str) -> None:
    server = registry(ram_path)
    with running(server), Client(server.port) as client:
        client.push(NAME, "large", large_image(kind))
    with running(server), contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port, timeout=60.0)) for _ in range(100)]
        with MemoryWatch(server) as watch:
            for wire in wires:
                wire.send(request_head("HEAD", TARGET, {}))
            answers = [wire.receive(head=True) for wire in wires]
    print(f"{watch.start // MIB} MiB before, {watch.peak // MIB} MiB at the peak")
    assert [answer.status for answer in answers] == [200] * len(wires)
    assert watch.growth < 150 * MIB, f"{watch.growth // MIB} MiB more for the heads of one manifest"


@pytest.mark.parametrize("pieces", [1024, pytest.param(4096, marks=pytest.mark.soak)])
def test_an_upload_of_any_size_takes_little_memory(server: Server, pieces: int) -> None:
    digest = hashlib.sha256()
    for _ in range(pieces):
        digest.update(PIECE)
    with (
        Client(server.port) as client,
        Wire(server.port, timeout=120.0) as wire,
        MemoryWatch(server) as watch,
    ):
        target = with_digest(client.start_upload(NAME), f"sha256:{digest.hexdigest()}")
        wire.send(request_head("PUT", target, {"Content-Length": str(pieces * len(PIECE))}))
        for _ in range(pieces):
            wire.send(PIECE)
        answer = wire.receive()
    print(f"{pieces} MiB: {watch.start // MIB} MiB before, {watch.peak // MIB} MiB at the peak")
    assert answer.status == 201, answer
    assert watch.growth < 40 * MIB, f"{watch.growth // MIB} MiB more while one upload was received"


@pytest.mark.skipif(REGISTRY != "moorage", reason="the reference speaks HTTP/2 only over TLS")
def test_large_manifests_that_the_client_does_not_take_are_not_handed_over(ram_path: Path) -> None:
    image = make_image(random.Random(0))
    with running(registry(ram_path, extra="  workers: 1\n  h2c: {enabled: true}\n")) as server:
        with Client(server.port) as pusher:
            pusher.push(NAME, "before", image)
            large = image.manifest.ljust(LIMIT)
            assert pusher.request("PUT", TARGET, large, {"Content-Type": MANIFEST_TYPE}).status == 201
            assert pusher.request("GET", TARGET).body == large
        plain = socket.create_connection(("127.0.0.1", server.port), 30)
        with Http2(plain, window=0) as client, MemoryWatch(server) as watch:
            streams = [client.begin("GET", TARGET) for _ in range(UNTAKEN)]
            while not all(client.streams[number].status for number in streams):
                client.pump()
    assert watch.growth < UNTAKEN * LIMIT // 4, f"{watch.growth // MIB} MiB more for what nobody takes"
