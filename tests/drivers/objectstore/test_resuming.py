"""Long reads, over connections that break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from obstore.store import S3Store

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.objectstore.resuming import resumed
from tests.support.sparse import sha256, stamped
from tests.support.sparse_server import Server, sparse_s3
from tests.support.storefaults import Fault, Faults
from tests.support.storeproxy import StoreProxy, proxying

MIB = 1 << 20
SIZE = 20 * MIB + 3


@pytest.fixture
def server() -> Iterator[Server]:
    with sparse_s3() as started:
        yield started


@pytest.fixture
def proxy(server: Server) -> Iterator[StoreProxy]:
    with proxying(server.service.endpoint) as started:
        yield started


@pytest.fixture
def store(server: Server, proxy: StoreProxy) -> S3Store:
    """It tries nothing again by itself, as it does not when a download has lasted for long."""
    return S3Store(
        server.service.bucket,
        endpoint=proxy.endpoint,
        access_key_id="key",
        secret_access_key="secret",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


async def test_what_broke_off_is_gone_on_with(server: Server, proxy: StoreProxy, store: S3Store) -> None:
    await store.put_async("a", b"".join(stamped(0, SIZE)), use_multipart=False)
    proxy.faults = Faults(rate=0.7, kinds=[Fault.TRUNCATED], seed=1)
    pieces = [bytes(piece) async for piece in resumed(store, "a", "/a", 5, SIZE - 1)]
    assert sha256(pieces) == sha256(stamped(5, SIZE - 1))
    assert proxy.injected


async def test_what_brings_nothing_is_not_asked_again(proxy: StoreProxy, store: S3Store) -> None:
    await store.put_async("a", b"x", use_multipart=False)
    proxy.faults = Faults(rate=1.0, kinds=[Fault.TRUNCATED])
    with pytest.raises(DriverError), proxy.counted() as calls:
        _ = [piece async for piece in resumed(store, "a", "/a", 0, 1)]
    assert len(calls) == 1


async def test_what_is_not_there_is_told(store: S3Store) -> None:
    with pytest.raises(PathNotFound):
        _ = [piece async for piece in resumed(store, "none", "/none", 0, 1)]
