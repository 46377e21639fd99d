"""Uploads on stores whose objects never grow: chains of segments, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from moorage.drivers.base import PathNotFound
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from tests.contracts.streams import content, whole
from tests.drivers.objectstore.stores import Service, driver_over

STORES = ("moto_store", "rclone_store", "azurite_store", "gcs_store", "fake_gcs_store")
DATA = "/r/_uploads/1/data"
MIB = 1 << 20


@pytest.fixture(params=STORES)
async def driver(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStoreDriver]:
    service: Service = request.getfixturevalue(request.param)
    made = driver_over(service)
    yield made
    await made.close()


async def appended(driver: ObjectStoreDriver, *pieces: bytes, mark: str = "") -> str:
    """The mark of what is there then."""
    writer = await driver.writer(DATA, mark=mark)
    await writer.write(pieces)
    await writer.flush()
    await writer.close()
    return writer.mark


async def test_each_request_adds_a_segment_and_the_mark_names_all_of_them(driver: ObjectStoreDriver) -> None:
    mark = await driver.begin("/r/_uploads/1/startedat", b"now", DATA)
    for piece in (b"one", b"two", b"three"):
        mark = await appended(driver, piece, mark=mark)
    reader = await driver.open(DATA, mark=mark)
    assert await whole(reader) == b"onetwothree"
    assert await whole(reader, 2, 8, 2) == b"etwoth"
    assert (await driver.written(DATA)).size == 11


async def test_a_removed_upload_cannot_be_finished(driver: ObjectStoreDriver) -> None:
    """Not even by the process that still had its bytes in memory."""
    mark = await appended(driver, b"small")
    await driver.delete("/r/_uploads/1")
    with pytest.raises(PathNotFound):
        await driver.move(DATA, "/blobs/data", mark=mark)
    assert not await driver.is_folder("/blobs")


async def test_without_a_mark_the_longest_chain_is_continued(driver: ObjectStoreDriver) -> None:
    first = await appended(driver, b"first ")
    await appended(driver, b"short", mark=first)
    longer = await appended(driver, b"longer", mark=first)
    writer = await driver.writer(DATA)
    assert (writer.size, writer.mark) == (12, longer)
    assert (await driver.written(DATA)).size == 12


async def test_two_clients_of_one_upload_each_get_what_they_wrote(driver: ObjectStoreDriver) -> None:
    start = await appended(driver, b"same ")
    left, right = await appended(driver, b"left", mark=start), await appended(driver, b"right", mark=start)
    await driver.move(DATA, "/blobs/left", mark=left)
    assert await content(driver, "/blobs/left") == b"same left"
    with pytest.raises(PathNotFound):
        await driver.move(DATA, "/blobs/right", mark=right)


@pytest.mark.parametrize(
    "sizes", [(0,), (5,), (3 * MIB,), (12 * MIB,), (7 * MIB, 12 * MIB, 100), (1, 1, 1)], ids=str
)
async def test_an_upload_becomes_one_object_and_its_segments_go(
    driver: ObjectStoreDriver, sizes: tuple[int, ...]
) -> None:
    mark, expected = await driver.begin("", b"", ""), b""
    for size in sizes:
        data = os.urandom(size)
        expected += data
        mark = await appended(driver, *(data[at : at + MIB] for at in range(0, size, MIB)), mark=mark)
    await driver.move(DATA, "/blobs/data", [("/link", b"x")], mark=mark, remove=["/r/_uploads/1"])
    assert await content(driver, "/blobs/data") == expected
    assert await driver.read("/link") == b"x"
    assert not await driver.is_folder("/r/_uploads/1")


async def test_a_process_that_did_not_write_it_can_finish_an_upload(
    driver: ObjectStoreDriver, request: pytest.FixtureRequest
) -> None:
    mark = await appended(driver, b"written elsewhere")
    driver._recent.take(mark)
    await driver.move(DATA, "/blobs/data", mark=mark)
    assert await content(driver, "/blobs/data") == b"written elsewhere"


@pytest.mark.parametrize("size", [0, 100, 12 * MIB])
async def test_what_is_created_is_there_when_it_is_committed(driver: ObjectStoreDriver, size: int) -> None:
    data = os.urandom(size)
    seen: list[bytes] = []
    creation = driver.create("/blobs/new", size)
    assert creation is not None
    for at in range(0, size, MIB):
        await creation.write([data[at : at + MIB]], seen.extend)
    with pytest.raises(PathNotFound):
        await driver.stat("/blobs/new")
    await creation.commit()
    assert await content(driver, "/blobs/new") == data == b"".join(seen)


@pytest.mark.parametrize("size", [0, 100, 12 * MIB])
async def test_what_is_aborted_leaves_nothing(driver: ObjectStoreDriver, size: int) -> None:
    creation = driver.create("/blobs/new", size)
    assert creation is not None
    for _ in range(0, size, MIB):
        await creation.write([b"x" * MIB])
    await creation.abort()
    assert not await driver.is_folder("/blobs")
    assert await driver.abandoned(["/blobs"], 2e9, remove=False) == []
