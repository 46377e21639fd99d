"""How many requests to the store an operation takes: they are what it costs, in time and in money.

Left out is what every worker asks now and then on its own account, however much is going on: whether garbage is collected.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moorage.store.descriptors.trust import POLL_SECONDS
from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of, image_of, make_image
from tests.stores.server import SECRET, store_server
from tests.support.objectstores import S3
from tests.support.server import Server, running
from tests.support.storeproxy import Call, StoreProxy, proxying

NAME = "team/app"
MARKER = "/moorage/collection"


@dataclass
class Counting:
    proxy: StoreProxy
    server: Server
    looks: list[Call] = field(default_factory=list)

    @contextmanager
    def methods(self) -> Iterator[list[str]]:
        """Of the calls in the block, filled in at its end."""
        found: list[str] = []
        with self.proxy.counted() as calls:
            yield found
        found += [call.method for call in calls if not call.path.endswith(MARKER)]
        self.looks += [call for call in calls if call.path.endswith(MARKER)]


@pytest.fixture(scope="module")
def proxy(moto_store: S3) -> Iterator[StoreProxy]:
    with proxying(moto_store.endpoint) as started:
        yield started


@pytest.fixture(scope="module")
def server(moto_store: S3, proxy: StoreProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One worker, for what a process remembers is part of the count. Each test pushes what no other did."""
    folder = tmp_path_factory.mktemp("counted")
    with running(
        store_server(folder, moto_store, endpoint=proxy.endpoint, redirect=True, delete=False, secret=SECRET)
    ) as started:
        yield started


@pytest.fixture
def counting(proxy: StoreProxy, server: Server) -> Counting:
    return Counting(proxy, server)


@pytest.fixture
def data() -> bytes:
    return os.urandom(1200)


def test_a_small_blob_is_pushed_in_four_calls(counting: Counting, data: bytes) -> None:
    with Client(counting.server.port) as client:
        with counting.methods() as methods:
            begun = client.expect(202, "POST", f"/v2/{NAME}/blobs/uploads/")
        assert methods == [], "a session without bytes leaves no trace"
        assert begun.headers["oci-chunk-min-length"] == str(5 << 20), (
            "smaller ones are read and written again"
        )
        target = location(begun)
        with counting.methods() as methods:
            target = location(client.expect(202, "PATCH", target, data))
        assert methods == ["PUT"]
        with counting.methods() as methods:
            client.expect(201, "PUT", with_digest(target, digest_of(data)))
        # The blob, its link, and the session that goes.
        assert methods == ["PUT", "PUT", "POST"]


def test_a_blob_in_one_request_is_pushed_in_two_calls(counting: Counting, data: bytes) -> None:
    with Client(counting.server.port) as client, counting.methods() as methods:
        target = client.start_upload(NAME)
        client.expect(201, "PUT", with_digest(target, digest_of(data)), data)
    assert methods == ["PUT", "PUT"]


def test_asking_for_a_blob_takes_two_calls_and_none_when_it_is_known(counting: Counting, data: bytes) -> None:
    with Client(counting.server.port) as client:
        digest = client.push_blob(NAME, data)
    counting.server.stop()
    counting.server.start()
    with Client(counting.server.port) as client:
        path = f"/v2/{NAME}/blobs/{digest}"
        with counting.methods() as methods:
            client.expect(200, "HEAD", path)
        assert methods == ["GET", "GET"]
        with counting.methods() as methods:
            client.expect(200, "HEAD", path)
            client.expect(307, "GET", path)
        assert methods == []
        with counting.methods() as methods:
            client.expect(404, "HEAD", f"/v2/{NAME}/blobs/{digest_of(b'not there')}")
        assert methods == ["GET"]


def test_a_part_of_a_blob_takes_one_call_for_that_part_and_a_blob_that_the_client_has_none(
    moto_store: S3, proxy: StoreProxy, tmp_path: Path
) -> None:
    data = os.urandom(1 << 20)
    server = store_server(tmp_path, moto_store, endpoint=proxy.endpoint, secret=SECRET)
    with running(server), Client(server.port) as client:
        digest = client.push_blob(NAME, data)
        path = f"/v2/{NAME}/blobs/{digest}"
        with proxy.counted() as calls:
            for header in ("bytes=1000-200999", "bytes=-5"):
                start, stop = (1000, 201000) if header[6] != "-" else (len(data) - 5, len(data))
                assert client.expect(206, "GET", path, headers={"Range": header}).body == data[start:stop]
            client.expect(304, "GET", path, headers={"If-None-Match": f'"{digest}"'})
            client.expect(412, "GET", path, headers={"If-Match": '"another"'})
            client.expect(416, "GET", path, headers={"Range": "bytes=9999999-"})
            whole = {"Range": "bytes=0-9", "If-Range": '"another"'}
            assert client.expect(200, "GET", path, headers=whole).body == data
        parts = [(call.method, call.part) for call in calls if not call.path.endswith(MARKER)]
        assert parts == [
            ("GET", "bytes=1000-200999"),
            ("GET", f"bytes={len(data) - 5}-{len(data) - 1}"),
            ("GET", ""),
        ]


@pytest.mark.parametrize(("layers", "cold"), [(3, ["GET"]), (60, ["GET", "GET"])])
def test_an_image_is_pulled_by_tag_in_one_call_or_two_if_it_is_large_and_not_known(
    counting: Counting, layers: int, cold: list[str]
) -> None:
    image = image_of(random.Random(3), layers=layers)
    with Client(counting.server.port) as client:
        client.push(NAME, "v1", image)
    counting.server.stop()
    counting.server.start()
    with Client(counting.server.port) as client:
        for expected in (cold, ["GET"], ["GET"]):
            with counting.methods() as methods:
                assert client.get_manifest(NAME, "v1").body == image.manifest
            assert methods == expected


def test_an_image_of_five_blobs_is_pushed_in_thirty_calls(counting: Counting) -> None:
    """As clients do it: each blob is asked for, sent in a PATCH, and finished; then the manifest, and a look at it."""
    source = random.Random(4)
    image = image_of(source, layers=4)
    with Client(counting.server.port) as client, counting.methods() as methods:
        for blob in image.blobs:
            client.expect(404, "HEAD", f"/v2/{NAME}/blobs/{digest_of(blob)}")
            target = location(client.expect(202, "PATCH", client.start_upload(NAME), blob))
            client.expect(201, "PUT", with_digest(target, digest_of(blob)))
        client.put_manifest(NAME, "v1", image)
        client.expect(200, "HEAD", f"/v2/{NAME}/manifests/v1")
    assert len(image.blobs) == 5
    assert len(methods) <= 30, methods


def test_a_manifest_on_blobs_that_could_have_been_removed_asks_for_their_links(
    moto_store: S3, proxy: StoreProxy, tmp_path: Path
) -> None:
    image = make_image(random.Random(5))
    server = store_server(tmp_path, moto_store, endpoint=proxy.endpoint, delete=True, secret=SECRET)
    with running(server), Client(server.port) as client:
        for blob in image.blobs:
            client.push_blob(NAME, blob)
        with Counting(proxy, server).methods() as methods:
            client.put_manifest(NAME, "v1", image)
        assert sorted(methods) == ["GET"] * 3 + ["PUT"] * 4


def test_whether_garbage_is_collected_is_asked_now_and_then(counting: Counting, data: bytes) -> None:
    with Client(counting.server.port) as client:
        # A question that is counted may have been on its way before the first of these requests.
        began = time.monotonic()
        digest = client.push_blob(NAME, data)
        with counting.methods():
            for _ in range(200):
                client.expect(200, "HEAD", f"/v2/{NAME}/blobs/{digest}")
        assert len(counting.looks) <= 1 + (time.monotonic() - began) / POLL_SECONDS
