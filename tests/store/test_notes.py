"""Manifests beside the tags that lead to them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from moorage.digest import Digest
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.notes import NOTE_BYTES
from moorage.errors import ManifestUnknown
from moorage.manifest import parse
from moorage.names import Tag
from moorage.store import layout, notes
from moorage.store.registry import Registry
from moorage.store.repository import Repository, Stock
from tests.drivers.objectstore.stores import driver_over
from tests.faults.images import Image, image_of
from tests.support.objectstores import S3
from tests.support.storeproxy import StoreProxy

TAG = Tag("v1")


def test_what_is_packed_is_unpacked() -> None:
    manifest = image_of(random.Random(1), layers=12).manifest
    note = notes.pack(manifest, NOTE_BYTES)
    assert 0 < len(note) <= NOTE_BYTES
    assert notes.unpack(note) == manifest


def test_what_does_not_fit_is_no_note() -> None:
    assert notes.pack(image_of(random.Random(1), layers=60).manifest, NOTE_BYTES) == b""
    assert notes.pack(b"anything", 0) == b""
    assert notes.pack(b"a" * (notes.MOST_BYTES + 1), NOTE_BYTES) == b""


@pytest.mark.parametrize("note", [b"", b"no note", notes.pack(b"cut off", 100)[:-6]])
def test_what_is_no_note_unpacks_to_nothing_that_could_be_taken_for_one(note: bytes) -> None:
    assert notes.unpack(note) != b"cut off"


@pytest.fixture
async def driver(moto_store: S3) -> AsyncIterator[ObjectStoreDriver]:
    made = driver_over(moto_store)
    yield made
    await made.close()


def opened(driver: ObjectStoreDriver) -> Repository:
    """As a process that remembers nothing."""
    return Registry(Stock(driver)).repository("team/app")


async def pushed(driver: ObjectStoreDriver, image: Image) -> None:
    repository = opened(driver)
    for blob in image.blobs:
        digest = Digest.of(blob)
        await driver.write([(layout.blob_data(digest), blob)])
        await repository.blobs.mount(digest, None)
    await repository.manifests.put(parse(image.manifest), [], [TAG])


async def test_a_tag_with_a_note_needs_nothing_else(driver: ObjectStoreDriver) -> None:
    image = image_of(random.Random(2), layers=3)
    await pushed(driver, image)
    await driver.delete(layout.blob_data(Digest(image.digest)))
    digest, found = await opened(driver).manifests.tagged(TAG)
    assert (digest, found.payload) == (image.digest, image.manifest)


@pytest.mark.parametrize("note", [b"", b"\xffno note", notes.pack(b'{"schemaVersion": 2}', NOTE_BYTES)])
async def test_a_note_of_something_else_is_passed_over(driver: ObjectStoreDriver, note: bytes) -> None:
    image = image_of(random.Random(3), layers=3)
    await pushed(driver, image)
    link = layout.tag_link(opened(driver).name, TAG)
    await driver.write_noted(link, image.digest.encode(), note)
    _, found = await opened(driver).manifests.tagged(TAG)
    assert found.payload == image.manifest
    await driver.delete(layout.blob_data(Digest(image.digest)))
    with pytest.raises(ManifestUnknown):
        await opened(driver).manifests.tagged(TAG)


async def test_a_tag_that_another_program_wrote_loses_its_note(driver: ObjectStoreDriver) -> None:
    first, second = image_of(random.Random(4), layers=2), image_of(random.Random(5), layers=2)
    await pushed(driver, second)
    await pushed(driver, first)
    link = layout.tag_link(opened(driver).name, TAG)
    await driver.write([(link, second.digest.encode())])
    digest, found = await opened(driver).manifests.tagged(TAG)
    assert (digest, found.payload) == (second.digest, second.manifest)


async def test_looking_for_the_tags_of_a_manifest_does_not_fill_the_memory_of_known_tags(
    moto_store: S3, proxy: StoreProxy
) -> None:
    """A large repository would push out all that is pulled."""
    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    image = image_of(random.Random(6), layers=1)
    await pushed(driver, image)
    tags = opened(driver).tags
    with proxy.counted() as calls:
        assert await tags.leading_to([Digest(image.digest)]) == [TAG]
        for _ in range(2):
            await tags.look(TAG)
    conditions = [bool(call.head.header("if-none-match")) for call in calls if "/current/link" in call.path]
    assert conditions == [False, False, True]
    await driver.close()
