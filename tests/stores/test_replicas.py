"""Registries on one bucket, without a configured secret and without sticky sessions."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of
from tests.stores.server import store_server
from tests.support.objectstores import S3
from tests.support.server import running

NAME = "team/app"
CHUNK = 70_000


def test_each_request_of_an_upload_may_go_to_another_replica(moto_store: S3, tmp_path: Path) -> None:
    data = os.urandom(7 * CHUNK)
    root = f"replicas/{tmp_path.name}"
    with ExitStack() as stack:
        servers = [
            stack.enter_context(running(store_server(tmp_path / str(number), moto_store, root=root)))
            for number in range(3)
        ]
        clients = [stack.enter_context(Client(server.port)) for server in servers]
        target = clients[0].start_upload(NAME)
        for number in range(7):
            start = number * CHUNK
            answer = clients[(number + 1) % 3].expect(
                202,
                "PATCH",
                target,
                data[start : start + CHUNK],
                {"Content-Range": f"{start}-{start + CHUNK - 1}"},
            )
            target = location(answer)
        clients[2].expect(201, "PUT", with_digest(target, digest_of(data)))
        for client in clients:
            assert client.expect(200, "GET", f"/v2/{NAME}/blobs/{digest_of(data)}").body == data
