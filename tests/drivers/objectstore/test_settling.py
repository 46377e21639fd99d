"""What was committed is there, although the store said no: others wrote the same, or the answer was lost."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.s3 import s3_driver
from tests.contracts.streams import content, whole
from tests.drivers.objectstore.stores import DATA, LINKS, Service, driver_over, s3_options, uploaded
from tests.stores.container import Container
from tests.support.heads import Head
from tests.support.objectstores import S3, Azure
from tests.support.sparse import stamped
from tests.support.sparse_server import Server, sparse_s3
from tests.support.storefaults import Fault, Faults, Refusal
from tests.support.storeproxy import StoreProxy, proxying

BLOB = "/blobs/data"
MIB = 1 << 20
LARGE = 24 * MIB
"""Of more than one part."""


class Once(Faults):
    """The first request that `fits` meets the fault or the refusal, and no other one."""

    def __init__(
        self, fits: Callable[[Head], bool], kind: Fault | None = None, refusal: Refusal | None = None
    ) -> None:
        super().__init__(refusal=refusal)
        self._fits = fits
        self._kind = kind
        self.left = 1

    def draw(self, request: Head) -> Fault | None:
        return self._kind if self._kind and self._due(request) else None

    def refused(self, request: Head) -> Refusal | None:
        return self.refusal if self.refusal and self._due(request) else None

    def _due(self, request: Head) -> bool:
        if not self.left or not self._fits(request):
            return False
        self.left -= 1
        return True


def completes(request: Head) -> bool:
    """Whether it makes one object of parts, at S3 or at Azure."""
    method, target, _ = request.start
    return (method == "POST" and "uploadId=" in target) or "comp=blocklist" in target


def writes(request: Head) -> bool:
    return request.start[0] == "PUT"


@asynccontextmanager
async def over(service: Service, endpoint: str = "") -> AsyncIterator[ObjectStoreDriver]:
    driver = driver_over(service, endpoint=endpoint)
    try:
        yield driver
    finally:
        await driver.close()


@pytest.fixture
async def azure(azurite_store: Azure) -> AsyncIterator[ObjectStoreDriver]:
    async with over(azurite_store) as driver:
        yield driver


@pytest.fixture
def before_azure(azurite_store: Azure) -> Iterator[StoreProxy]:
    with proxying(azurite_store.endpoint) as proxy:
        yield proxy


@pytest.fixture
async def proxied(azurite_store: Azure, before_azure: StoreProxy) -> AsyncIterator[ObjectStoreDriver]:
    """Azure behind the proxy."""
    async with over(azurite_store, before_azure.endpoint) as driver:
        yield driver


async def created(driver: ObjectStoreDriver, data: bytes) -> bytes:
    """What was handed over to be hashed."""
    creation = driver.create(BLOB, len(data))
    assert creation is not None
    seen: list[bytes] = []
    for at in range(0, len(data), MIB):
        await creation.write([data[at : at + MIB]], seen.extend)
    await creation.commit()
    return b"".join(seen)


async def test_two_who_push_the_same_large_blob_at_once_both_succeed(azure: ObjectStoreDriver) -> None:
    data = os.urandom(LARGE)
    creations = [azure.create(BLOB, LARGE) for _ in range(2)]
    for creation in creations:
        assert creation is not None
        await creation.write([data])
        await creation.flush()
    for creation in creations:
        assert creation is not None
        await creation.commit()
    assert await content(azure, BLOB) == data


async def test_who_joins_while_another_one_finishes_joins_again(
    proxied: ObjectStoreDriver, before_azure: StoreProxy
) -> None:
    data = os.urandom(LARGE)
    mark = await uploaded(proxied, data)
    before_azure.faults = once = Once(
        completes, refusal=Refusal("400 Bad Request", "InvalidBlockList", ("PUT",))
    )
    await proxied.move(DATA, BLOB, mark=mark)
    assert once.left == 0
    assert await content(proxied, BLOB) == data


async def test_what_was_discarded_and_nobody_else_wrote_is_a_failure(
    proxied: ObjectStoreDriver, before_azure: StoreProxy
) -> None:
    before_azure.faults = Once(completes, refusal=Refusal("400 Bad Request", "InvalidBlockList", ("PUT",)))
    with pytest.raises(DriverError, match="InvalidBlockList"):
        await created(proxied, os.urandom(LARGE))


@pytest.mark.parametrize("size", [100, LARGE])
async def test_a_blob_of_another_kind_is_kept_if_it_has_the_right_size(
    azure: ObjectStoreDriver, azurite_store: Azure, size: int
) -> None:
    data = os.urandom(size)
    Container(azurite_store).append(azure.key(BLOB), data)
    assert await created(azure, data) == data, "all of it has to be hashed"
    await azure.move(DATA, BLOB, [("/link", b"x")], mark=await uploaded(azure, data))
    assert await content(azure, BLOB) == data
    assert await azure.read("/link") == b"x"


async def test_an_upload_replaces_a_blob_of_another_kind_and_size(
    azure: ObjectStoreDriver, azurite_store: Azure
) -> None:
    data = os.urandom(LARGE)
    Container(azurite_store).append(azure.key(BLOB), data[:100])
    await azure.move(DATA, BLOB, mark=await uploaded(azure, data))
    assert await content(azure, BLOB) == data


async def test_a_blob_in_one_request_replaces_one_of_another_kind_and_size_when_it_is_sent_again(
    azure: ObjectStoreDriver, azurite_store: Azure
) -> None:
    data = os.urandom(LARGE)
    Container(azurite_store).append(azure.key(BLOB), data[:100])
    with pytest.raises(DriverError):
        await created(azure, data)
    await created(azure, data)
    assert await content(azure, BLOB) == data


async def test_a_small_file_replaces_one_of_another_kind(
    proxied: ObjectStoreDriver, before_azure: StoreProxy
) -> None:
    """Azure takes no block blob in the place of an append blob, though Azurite does."""
    await proxied.write([("/link", b"old")])
    before_azure.faults = once = Once(writes, refusal=Refusal("409 Conflict", "InvalidBlobType", ("PUT",)))
    await proxied.write([("/link", b"new")])
    assert once.left == 0
    assert await proxied.read("/link") == b"new"


@pytest.fixture
def before_rclone(rclone_store: S3) -> Iterator[StoreProxy]:
    with proxying(rclone_store.endpoint) as proxy:
        yield proxy


async def test_a_blob_is_complete_although_the_answer_was_lost(
    rclone_store: S3, before_rclone: StoreProxy
) -> None:
    """The store knows nothing of the upload any more when it is asked to complete it again."""
    data = os.urandom(LARGE)
    async with over(rclone_store, before_rclone.endpoint) as driver:
        before_rclone.faults = once = Once(completes, Fault.LOST_ANSWER)
        await created(driver, data)
        assert once.left == 0
        assert await content(driver, BLOB) == data


async def test_a_segment_is_complete_although_the_answer_was_lost(
    rclone_store: S3, before_rclone: StoreProxy
) -> None:
    data = os.urandom(LARGE)
    async with over(rclone_store, before_rclone.endpoint) as driver:
        before_rclone.faults = once = Once(completes, Fault.LOST_ANSWER)
        mark = await uploaded(driver, data)
        assert once.left == 0
        assert await whole(await driver.open(DATA, mark=mark)) == data


@pytest.fixture
def sparse() -> Iterator[Server]:
    with sparse_s3() as server:
        yield server


@pytest.fixture
def before_sparse(sparse: Server) -> Iterator[StoreProxy]:
    with proxying(sparse.service.endpoint) as proxy:
        yield proxy


async def test_an_upload_is_joined_although_the_answer_was_lost(
    sparse: Server, before_sparse: StoreProxy
) -> None:
    options = s3_options(replace(sparse.service, endpoint=before_sparse.endpoint), "root")
    driver = s3_driver(replace(options, copy_bytes=5 * MIB, copy_threshold=5 * MIB), links_for=LINKS)
    data = b"".join(stamped(0, LARGE))
    mark = await uploaded(driver, data)
    before_sparse.faults = once = Once(completes, Fault.LOST_ANSWER)
    await driver.move(DATA, BLOB, mark=mark)
    assert once.left == 0
    assert await content(driver, BLOB) == data
    await driver.close()
