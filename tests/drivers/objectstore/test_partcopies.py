"""S3 joins on its side: nothing of an upload is read back."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from moorage.drivers.base import DriverError, PathNotFound, StorageFull
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.s3 import s3_driver
from tests.contracts.streams import content
from tests.drivers.objectstore.stores import DATA, LINKS, s3_options, uploaded
from tests.support.objectstores import S3
from tests.support.storefaults import Fault, Faults, Refusal
from tests.support.storeproxy import StoreProxy

MIB = 1 << 20


@pytest.fixture
async def driver(
    moto_store: S3, proxy: StoreProxy, request: pytest.FixtureRequest
) -> AsyncIterator[ObjectStoreDriver]:
    """Copies in parts of 5 MiB, the least that S3 takes."""
    options = s3_options(replace(moto_store, endpoint=proxy.endpoint), f"tests/{request.node.name}")
    made = s3_driver(replace(options, copy_bytes=5 * MIB, copy_threshold=5 * MIB), links_for=LINKS)
    yield made
    await made.close()


@pytest.mark.parametrize("sizes", [(12 * MIB,), (10 * MIB, 5 * MIB, 3)], ids=str)
async def test_what_fits_is_copied_in_equal_parts(
    driver: ObjectStoreDriver, proxy: StoreProxy, sizes: tuple[int, ...]
) -> None:
    segments = [os.urandom(size) for size in sizes]
    mark = await uploaded(driver, *segments)
    with proxy.counted() as calls:
        await driver.move(DATA, "/blob", mark=mark)
    assert sum("partNumber" in call.query for call in calls) == -(-sum(sizes) // (5 * MIB))
    reads = [call for call in calls if call.method == "GET" and f"{DATA}/" in call.path]
    assert reads == [], "the bytes came back"
    assert await content(driver, "/blob") == b"".join(segments)


async def test_a_store_that_copies_no_parts_is_read_and_written_instead(
    rclone_store: S3, caplog: pytest.LogCaptureFixture
) -> None:
    options = replace(
        s3_options(rclone_store, "tests/no-part-copies"), copy_bytes=5 * MIB, copy_threshold=5 * MIB
    )
    driver = s3_driver(options, links_for=LINKS)
    for _ in range(2):
        data = os.urandom(12 * MIB)
        await driver.move(DATA, "/blob", mark=await uploaded(driver, data))
        assert await content(driver, "/blob") == data
    await driver.close()
    assert [record.message for record in caplog.records if "copies no parts" in record.message] == [
        "the store copies no parts of objects: large uploads pass through the registry once more"
    ]


async def test_a_copy_that_fails_leaves_no_object_and_no_parts(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    mark = await uploaded(driver, os.urandom(12 * MIB))
    proxy.faults = Faults(rate=1.0, kinds=[Fault.ERROR_IN_200])
    with pytest.raises(DriverError):
        await driver.move(DATA, "/blob", mark=mark)
    proxy.faults = Faults()
    with pytest.raises(PathNotFound):
        await driver.stat("/blob")
    assert await driver.abandoned(["/u", "/blob"], 4e9, remove=False) == []
    await driver.move(DATA, "/blob", mark=mark)
    assert (await driver.stat("/blob")).size == 12 * MIB


async def test_what_was_left_by_a_process_that_died_is_found_and_removed(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    writer = await driver.writer(DATA, mark="0")
    await writer.write([b"x" * MIB] * 11)
    assert await driver.abandoned([], 4e9, remove=True) == []
    assert await driver.abandoned(["/u/dat", "/blob"], 4e9, remove=True) == []
    found = await driver.abandoned(["/blob", "/u"], 4e9, remove=True)
    assert [key.rpartition("/")[0] for key, _ in found] == [driver.key("/u/data")]
    assert await driver.abandoned(["/u"], 4e9, remove=False) == []


@pytest.mark.parametrize("code", ["XMinioStorageFull", "QuotaExceeded"])
async def test_a_store_that_has_no_room_for_the_copy_is_full(
    driver: ObjectStoreDriver, proxy: StoreProxy, code: str
) -> None:
    mark = await uploaded(driver, os.urandom(12 * MIB))
    proxy.faults = Faults(refusal=Refusal("507 Insufficient Storage", code, ("PUT",)))
    with pytest.raises(StorageFull, match=code):
        await driver.move(DATA, "/blob", mark=mark)
