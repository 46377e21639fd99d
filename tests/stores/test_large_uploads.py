"""Layers of any size over S3, in one request and in many, at a store that holds its clients to every limit.

What is short here goes beyond one part and one page; the long versions go beyond 10,000 parts of 5 MiB, and beyond 5 GiB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.client import Client, location, with_digest
from tests.stores.large import peak_bytes, sent
from tests.stores.server import SECRET, store_server
from tests.support import sparse_server
from tests.support.heads import Head
from tests.support.server import Server, running
from tests.support.sparse import Content, sha256, stamped
from tests.support.sparse_s3 import GIB, MIB, Limits
from tests.support.sparse_server import sparse_s3
from tests.support.storefaults import Fault, Faults
from tests.support.storeproxy import proxying

NAME = "team/app"
ROOT = "registry"
MEMORY = 200_000_000


@pytest.fixture(scope="module")
def bucket() -> Iterator[sparse_server.Server]:
    with sparse_s3() as started:
        yield started


@pytest.fixture(scope="module")
def registry(bucket: sparse_server.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("large")
    with running(store_server(folder, bucket.service, root=ROOT)) as started:
        yield started


@pytest.fixture
def store(bucket: sparse_server.Server) -> sparse_server.Server:
    """With the limits of S3, and without images."""
    bucket.bucket.limits = Limits()
    for key in [key for key in bucket.bucket.objects if "/registry/v2/" in key]:
        del bucket.bucket.objects[key]
    return bucket


@pytest.fixture
def server(registry: Server, store: sparse_server.Server) -> Server:
    """One for all, which some tests kill and start again."""
    return registry


def begun(server: Server) -> str:
    with Client(server.port) as client:
        return client.start_upload(NAME)


def digest_of(size: int) -> str:
    return f"sha256:{sha256(stamped(0, size))}"


def finish(server: Server, target: str, digest: str) -> int:
    """The status."""
    with Client(server.port, timeout=900) as client:
        return client.request("PUT", with_digest(target, digest)).status


def in_one_put(server: Server, size: int) -> str:
    """The digest. The client has to know it before."""
    digest = digest_of(size)
    answer = sent(server, "PUT", with_digest(begun(server), digest), 0, size)
    assert answer.status == 201, answer
    return digest


def in_patches(server: Server, stops: Sequence[int], *, chunked: bool = False, restart: int = 0) -> str:
    """The digest; the server is killed and started again before request number `restart`."""
    target, hasher = begun(server), hashlib.sha256()
    for number, (start, stop) in enumerate(pairwise((0, *stops))):
        if restart and number == restart:
            server.kill()
            server.start()
        answer = sent(server, "PATCH", target, start, stop, chunked=chunked, hasher=hasher)
        assert answer.status == 202, answer
        assert answer.headers["range"] == f"0-{stop - 1}"
        target = location(answer)
    digest = f"sha256:{hasher.hexdigest()}"
    assert finish(server, target, digest) == 201
    return digest


def fault_in(store: sparse_server.Server, digest: str, size: int) -> str:
    """What is wrong with the blob, and what is left of uploads; or an empty string."""
    objects = store.bucket.objects
    key = f"{ROOT}/docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"
    if key not in objects:
        return "no blob"
    if any("_uploads" in other for other in objects) or store.bucket.uploads:
        return "something of the upload is left"
    return difference(objects[key].content, size)


def difference(content: Content, size: int) -> str:
    if content.size != size:
        return f"{content.size} bytes instead of {size}"
    return "" if sha256(content.pieces()) == sha256(stamped(0, size)) else "other bytes"


SHORT, LONG = 35 * MIB + 5, 60 * GIB + 5
SIZES = pytest.mark.parametrize("size", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)], ids=str)


@SIZES
def test_a_layer_in_one_patch(server: Server, store: sparse_server.Server, size: int) -> None:
    digest = in_patches(server, [size], chunked=True)
    assert fault_in(store, digest, size) == ""
    assert peak_bytes(server) < MEMORY


@SIZES
def test_a_layer_in_one_put(server: Server, store: sparse_server.Server, size: int) -> None:
    digest = in_one_put(server, size)
    assert fault_in(store, digest, size) == ""
    assert peak_bytes(server) < MEMORY


@SIZES
def test_a_layer_in_three_patches_with_a_restart_in_between(
    server: Server, store: sparse_server.Server, size: int
) -> None:
    digest = in_patches(server, [size // 3 + 1, size // 2, size], restart=2)
    assert fault_in(store, digest, size) == ""
    assert peak_bytes(server) < MEMORY


def test_the_largest_parts_that_a_layer_of_312_gibibytes_needs_fit_in_memory(
    store: sparse_server.Server, tmp_path: Path
) -> None:
    """What is larger comes in segments, of smaller parts."""
    size = 110 * MIB
    configured = store_server(tmp_path, store.service, root=ROOT, secret=SECRET, chunksize=32 * MIB)
    with running(configured) as server:
        digest = in_one_put(server, size)
        assert fault_in(store, digest, size) == ""
        assert peak_bytes(server) < MEMORY


@pytest.mark.soak
@pytest.mark.parametrize("requests", [1, 200])
def test_a_layer_of_200_gibibytes(server: Server, store: sparse_server.Server, requests: int) -> None:
    size = 200 * GIB
    digest = in_patches(server, [size * (number + 1) // requests for number in range(requests)], chunked=True)
    assert fault_in(store, digest, size) == ""
    assert peak_bytes(server) < MEMORY


@pytest.mark.parametrize(
    ("count", "chunk"),
    [
        (8, 6_000_007),
        pytest.param(2000, 6_000_007, marks=pytest.mark.soak),
        pytest.param(2000, 11 * MIB // 2, marks=pytest.mark.soak),
    ],
)
def test_a_layer_in_many_patches_with_a_restart_in_between(
    server: Server, store: sparse_server.Server, chunk: int, count: int
) -> None:
    """Even chunks make parts of one size, which are copied; others are read."""
    # The first one is smaller, so that no two borders are a whole number of chunks from the beginning.
    first = chunk if chunk % MIB == MIB // 2 else 5_300_000
    stops = [first + number * chunk for number in range(count)]
    digest = in_patches(server, stops, restart=count // 2)
    assert fault_in(store, digest, stops[-1]) == ""
    assert peak_bytes(server) < MEMORY


def test_an_upload_of_fifty_requests_is_resumed_where_it_was_with_pages_of_two(
    server: Server, store: sparse_server.Server
) -> None:
    store.bucket.limits = replace(store.bucket.limits, page=2)
    target, other = begun(server), begun(server)
    for number in range(50):
        answer = sent(server, "PATCH", target, number * 100_000, (number + 1) * 100_000)
        target = location(answer)
        if number < 5:
            other = location(sent(server, "PATCH", other, number * 70_000, (number + 1) * 70_000))
    server.kill()
    server.start()
    with Client(server.port) as client:
        # A client that lost its state: only the path is known.
        path = target.partition("?")[0]
        found = client.expect(204, "GET", path)
        assert found.headers["range"] == "0-4999999"
        target = location(client.expect(204, "GET", target))
        assert client.expect(204, "GET", other).headers["range"] == "0-349999"
    answer = sent(server, "PATCH", target, 5_000_000, 5_100_000)
    assert finish(server, location(answer), digest_of(5_100_000)) == 201
    assert finish(server, other, digest_of(350_000)) == 201
    assert fault_in(store, digest_of(5_100_000), 5_100_000) == ""
    assert fault_in(store, digest_of(350_000), 350_000) == ""


def test_a_copy_that_lost_bytes_is_not_acknowledged_and_made_again(
    server: Server, store: sparse_server.Server
) -> None:
    size = 34 * MIB
    target = location(sent(server, "PATCH", begun(server), 0, size))
    digest = digest_of(size)
    server.kill()
    server.start()
    store.bucket.limits = replace(store.bucket.limits, equal_parts=False, least_part=1)
    store.bucket.short_copies = True
    with Client(server.port) as client:
        assert client.request("PUT", with_digest(target, digest)).status == 503
        client.expect(404, "HEAD", f"/v2/{NAME}/blobs/{digest}")
        store.bucket.short_copies = False
        client.expect(201, "PUT", with_digest(target, digest))
        assert client.expect(200, "GET", f"/v2/{NAME}/blobs/{digest}").body == b"".join(stamped(0, size))


class FailingCompletions(Faults):
    """S3 answers 200 before it knows whether it can complete an upload."""

    def draw(self, request: Head) -> Fault | None:
        completes = request.start[0] == "POST" and "uploadId=" in request.start[1]
        return super().draw(request) if completes else None


@pytest.mark.parametrize("patched", [False, True], ids=["put", "patch"])
def test_a_completion_that_failed_with_200_is_not_acknowledged(
    store: sparse_server.Server, tmp_path: Path, patched: bool
) -> None:
    """First all of them fail, then some, which the client does not notice."""
    size = 33 * MIB if patched else 11 * MIB
    digest = digest_of(size)
    with (
        proxying(store.service.endpoint) as proxy,
        running(
            store_server(tmp_path, store.service, root=ROOT, secret=SECRET, endpoint=proxy.endpoint)
        ) as server,
    ):
        target = begun(server)
        if patched:
            target = location(sent(server, "PATCH", target, 0, size))
        body = (0, 0) if patched else (0, size)
        proxy.faults = FailingCompletions(rate=1.0, kinds=[Fault.ERROR_IN_200])
        assert sent(server, "PUT", with_digest(target, digest), *body).status == 503
        with Client(server.port) as client:
            client.expect(404, "HEAD", f"/v2/{NAME}/blobs/{digest}")
        assert not [key for key in store.bucket.objects if key.endswith(f"{digest[7:]}/data")]
        proxy.faults = FailingCompletions(rate=0.5, kinds=[Fault.ERROR_IN_200], seed=3)
        assert sent(server, "PUT", with_digest(target, digest), *body).status == 201
        assert proxy.injected
        assert fault_in(store, digest, size) == ""
