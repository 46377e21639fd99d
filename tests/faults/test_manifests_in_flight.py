"""Many large manifests at once: what they take of the memory is bounded, the others come again, and small ones go on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import MANIFEST_TYPE, make_image
from tests.faults.memory import MIB, MemoryWatch
from tests.faults.processes import eventually
from tests.faults.target import REGISTRY, registry
from tests.faults.wire import Answer, Wire, request_head
from tests.support.server import Server, running

NAME = "flight/app"
IMAGE = make_image(random.Random(0))
LARGE = IMAGE.manifest.ljust(4 * MIB)  # white space at the end means nothing
WITHHELD = 11
ASKED = 60
ALLOWED = 4  # a quarter of 64 MiB
GROWTH_LIMIT = 128 * MIB
HEADERS = {"Content-Type": MANIFEST_TYPE}

pytestmark = pytest.mark.skipif(REGISTRY != "moorage", reason="the reference has no such limit")


@pytest.fixture
def server(ram_path: Path) -> Iterator[Server]:
    with running(registry(ram_path, extra="  workers: 1\n")) as started:
        yield started


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def put_large(client: Client) -> Answer:
    return client.request("PUT", f"/v2/{NAME}/manifests/large", LARGE, HEADERS)


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_unfinished_manifests_take_a_part_of_the_memory(server: Server, chunked: bool) -> None:
    begun, rest = LARGE[:-WITHHELD], LARGE[-WITHHELD:]
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(LARGE))}
    with Client(server.port) as client, ExitStack() as stack:
        client.push(NAME, "before", IMAGE)
        wires = [stack.enter_context(Wire(server.port)) for _ in range(ASKED)]
        with MemoryWatch(server) as watch:
            for number, wire in enumerate(wires):
                target = f"/v2/{NAME}/manifests/large-{number}"
                wire.send(request_head("PUT", target, {**HEADERS, **framing}))
                wire.send(chunk(begun) if chunked else begun)
            eventually(
                lambda: sum(wire.answered_within(0) for wire in wires) == ASKED - ALLOWED,
                30.0,
                f"of {ASKED} manifests, all but {ALLOWED} are refused",
            )
            client.push(NAME, "meanwhile", make_image(random.Random(1)))
        print(f"{watch.growth // MIB} MiB more")
        assert watch.growth < GROWTH_LIMIT, f"{watch.growth // MIB} MiB more for manifests in flight"
        refused = put_large(client)
        assert (refused.status, refused.headers["retry-after"].isdigit()) == (503, True)
        for wire in [wire for wire in wires if not wire.answered_within(0)]:
            wire.send(chunk(rest) + b"0\r\n\r\n" if chunked else rest)
        answers = [wire.receive() for wire in wires]
        assert [answer.status for answer in answers].count(201) == ALLOWED
        late = [answer for answer in answers if answer.status == 503]
        assert len(late) == ASKED - ALLOWED, [answer.status for answer in answers]
        assert all(answer.headers["retry-after"].isdigit() for answer in late)
        assert put_large(client).status == 201, "what was taken is not given back"


def test_manifests_that_are_refused_or_break_off_give_back_what_they_took(server: Server) -> None:
    with Client(server.port) as client:
        client.push(NAME, "before", IMAGE)
        for _ in range(3 * ALLOWED):
            with Wire(server.port) as wire:
                wire.send(
                    request_head("PUT", f"/v2/{NAME}/manifests/large", {"Content-Length": str(len(LARGE))})
                )
                wire.send(LARGE[:-WITHHELD])
        for _ in range(3 * ALLOWED):
            answer = client.request("PUT", f"/v2/{NAME}/manifests/large", b"x" * len(LARGE), HEADERS)
            assert answer.status == 400, answer
        eventually(lambda: put_large(client).status == 201, 30.0, "a large manifest is taken again")
