"""Uploads to an object store whose clients stand still take memory up to a limit, and lose nothing by it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of
from tests.faults.memory import MIB, MemoryWatch
from tests.faults.wire import Answer, Wire, request_head
from tests.stores.server import SECRET, store_server
from tests.support.objectstores import S3
from tests.support.server import running

NAME = "memory/app"
UPLOADS = 40
SENT = 9 * MIB  # all of it waits for the rest of a part
BLOB = random.Random(0).randbytes(12 * MIB)
MEMORY = 8 * MIB
FOR_PARTS = 8 * MEMORY
ELSE = UPLOADS * 3 * MIB  # batches, and what the server has read ahead


def begin(wire: Wire, target: str) -> int:
    """Send as much of the beginning as the server takes; how much that was."""
    wire.send(request_head("PATCH", target, {"Content-Length": str(len(BLOB))}))
    wire.socket.settimeout(1.0)
    sent = 0
    with suppress(TimeoutError):
        while sent < SENT:
            sent += wire.socket.send(BLOB[sent:SENT])
    wire.socket.settimeout(120.0)
    return sent


def finish(wire: Wire, sent: int) -> Answer:
    wire.send(BLOB[sent:])
    return wire.receive()


def test_uploads_that_stand_still_wait_for_each_other_instead_of_taking_all_memory(
    moto_store: S3, tmp_path: Path
) -> None:
    limits = {"REGISTRY_HTTP_LIMITS_MEMORY": str(MEMORY)}
    server = replace(store_server(tmp_path, moto_store, secret=SECRET), environment=limits)
    with ExitStack() as stack:
        stack.enter_context(running(server))
        client = stack.enter_context(Client(server.port))
        pool = stack.enter_context(ThreadPoolExecutor(UPLOADS))
        targets = [client.start_upload(NAME) for _ in range(UPLOADS)]
        wires = [stack.enter_context(Wire(server.port)) for _ in targets]
        with MemoryWatch(server) as watch:
            sent = list(pool.map(begin, wires, targets))
            answers = list(pool.map(finish, wires, sent))
        assert [answer.status for answer in answers] == [202] * UPLOADS
        # All that may have taken longer than a connection lives without a request.
        client.close()
        for answer in (answers[0], answers[-1]):
            client.expect(201, "PUT", with_digest(location(answer), digest_of(BLOB)))
        assert client.expect(200, "GET", f"/v2/{NAME}/blobs/{digest_of(BLOB)}").body == BLOB
    print(f"{watch.growth // MIB} MiB more")
    assert watch.growth < FOR_PARTS + ELSE, f"{watch.growth // MIB} MiB more"
