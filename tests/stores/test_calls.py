"""How many requests to the store an operation takes: they are what it costs, in time and in money."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of, make_image
from tests.stores.server import store_server
from tests.support.objectstores import S3
from tests.support.server import Server, running
from tests.support.storeproxy import StoreProxy, proxying

NAME = "team/app"
DATA = b"a small blob" * 100


@pytest.fixture
def proxy(moto_store: S3) -> Iterator[StoreProxy]:
    with proxying(moto_store.endpoint) as started:
        yield started


@pytest.fixture
def server(moto_store: S3, proxy: StoreProxy, tmp_path: Path) -> Iterator[Server]:
    """One worker, for what a process remembers is part of the count."""
    with running(store_server(tmp_path, moto_store, endpoint=proxy.endpoint, redirect=True)) as started:
        yield started


def test_a_small_blob_is_pushed_in_four_calls(server: Server, proxy: StoreProxy) -> None:
    with Client(server.port) as client:
        with proxy.counted() as calls:
            target = client.start_upload(NAME)
        assert calls == [], "a session without bytes leaves no trace"
        with proxy.counted() as calls:
            target = location(client.expect(202, "PATCH", target, DATA))
        assert [call.method for call in calls] == ["PUT"]
        with proxy.counted() as calls:
            client.expect(201, "PUT", with_digest(target, digest_of(DATA)))
        # The blob, its link, and the session that goes.
        assert [call.method for call in calls] == ["PUT", "PUT", "POST"]


def test_a_blob_in_one_request_is_pushed_in_two_calls(server: Server, proxy: StoreProxy) -> None:
    with Client(server.port) as client, proxy.counted() as calls:
        target = client.start_upload(NAME)
        client.expect(201, "PUT", with_digest(target, digest_of(DATA)), DATA)
    assert [call.method for call in calls] == ["PUT", "PUT"]


def test_asking_for_a_blob_takes_two_calls_and_one_when_it_is_not_there(
    server: Server, proxy: StoreProxy
) -> None:
    with Client(server.port) as client:
        digest = client.push_blob(NAME, DATA)
        for method, status in (("HEAD", 200), ("GET", 307)):
            with proxy.counted() as calls:
                client.expect(status, method, f"/v2/{NAME}/blobs/{digest}")
            assert [call.method for call in calls] == ["HEAD", "HEAD"]
        with proxy.counted() as calls:
            client.expect(404, "HEAD", f"/v2/{NAME}/blobs/{digest_of(b'not there')}")
        assert [call.method for call in calls] == ["HEAD"]


def test_a_manifest_is_pushed_and_pulled_in_few_calls(server: Server, proxy: StoreProxy) -> None:
    image = make_image(random.Random(3))
    with Client(server.port) as client:
        for blob in image.blobs:
            client.push_blob(NAME, blob)
        with proxy.counted() as calls:
            client.put_manifest(NAME, "v1", image)
        # Two for each of three blobs that must be there; the manifest and its three links.
        assert len(calls) <= 10
        with proxy.counted() as calls:
            assert client.get_manifest(NAME, "v1").status == 200
        assert len(calls) <= 3
