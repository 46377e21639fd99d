"""Registries on one bucket, without a configured secret and without sticky sessions."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of, image_of
from tests.stores.server import store_server
from tests.support.objectstores import S3
from tests.support.server import running

NAME = "team/app"
CHUNK = 70_000
MOVES = 30


@pytest.fixture(scope="module")
def replicas(moto_store: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Client]]:
    folder = tmp_path_factory.mktemp("replicas")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                running(store_server(folder / str(number), moto_store, root=f"replicas/{folder.name}"))
            )
            for number in range(3)
        ]
        yield [stack.enter_context(Client(server.port)) for server in servers]


def test_each_request_of_an_upload_may_go_to_another_replica(replicas: list[Client]) -> None:
    data = os.urandom(7 * CHUNK)
    target = replicas[0].start_upload(NAME)
    for number in range(7):
        start = number * CHUNK
        answer = replicas[(number + 1) % 3].expect(
            202,
            "PATCH",
            target,
            data[start : start + CHUNK],
            {"Content-Range": f"{start}-{start + CHUNK - 1}"},
        )
        target = location(answer)
    replicas[2].expect(201, "PUT", with_digest(target, digest_of(data)))
    for client in replicas:
        assert client.expect(200, "GET", f"/v2/{NAME}/blobs/{digest_of(data)}").body == data


def test_a_tag_that_one_replica_moves_or_removes_has_moved_or_gone_at_all_others(
    replicas: list[Client],
) -> None:
    """Also where they have read it before, and back to what it named before."""
    images = [image_of(random.Random(number), layers=2) for number in range(3)]
    for image in images:
        replicas[0].push(NAME, "each", image)
    for number in range(MOVES):
        image = images[random.Random(number).randrange(3)]
        replicas[number % 3].put_manifest(NAME, "moving", image)
        for client in replicas:
            assert client.get_manifest(NAME, "moving").body == image.manifest
    replicas[0].expect(202, "DELETE", f"/v2/{NAME}/manifests/moving")
    assert [client.get_manifest(NAME, "moving").status for client in replicas] == [404] * 3
