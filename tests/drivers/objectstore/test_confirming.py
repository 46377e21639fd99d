"""Links that are read again: the store confirms what is known, and never keeps back what is new."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import obstore
import pytest

from moorage.drivers.base import DriverError, Obstructed, PathNotFound
from moorage.drivers.bounded import ENTRY_BYTES
from moorage.drivers.objectstore.confirming import LINK_BYTES, Confirming, Noted, names
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.notes import as_metadata
from moorage.drivers.objectstore.s3 import s3_driver
from tests.drivers.objectstore.stores import LINKS, driver_over, s3_options
from tests.support.heads import Head
from tests.support.objectstores import S3
from tests.support.storefaults import Faults, Refusal
from tests.support.storeproxy import StoreProxy

LINK = "/repositories/app/link"
NOTE = b"a note of the content"


def content() -> bytes:
    """As long as every other link."""
    return b"sha256:" + os.urandom(32).hex().encode()


@pytest.fixture
async def other(moto_store: S3, driver: ObjectStoreDriver) -> AsyncIterator[ObjectStoreDriver]:
    """Another process on the same store, as `driver` is."""
    made = s3_driver(s3_options(moto_store, driver.key("")[:-1]), links_for=LINKS)
    yield made
    await made.close()


async def conditions(driver: ObjectStoreDriver, proxy: StoreProxy) -> list[bool]:
    """Read the link; for each request that it took, whether it had a condition."""
    with proxy.counted() as calls:
        await driver.read_noted(LINK)
    assert [call.method for call in calls] == ["GET"] * len(calls)
    return [bool(call.head.header("if-none-match")) for call in calls]


async def test_what_is_known_is_confirmed_with_one_call(driver: ObjectStoreDriver, proxy: StoreProxy) -> None:
    link = content()
    await driver.write_noted(LINK, link, NOTE)
    assert await conditions(driver, proxy) == [False]
    assert await conditions(driver, proxy) == [True]
    assert await driver.read_noted(LINK) == (link, NOTE)


async def test_what_another_process_wrote_is_read_at_once(
    driver: ObjectStoreDriver, other: ObjectStoreDriver
) -> None:
    await driver.write_noted(LINK, content(), NOTE)
    await driver.read_noted(LINK)
    for note in (b"another note", b""):
        link = content()
        await other.write_noted(LINK, link, note)
        assert await driver.read_noted(LINK) == (link, note)
        assert await driver.read_noted(LINK) == (link, note)


async def test_what_another_process_removed_is_gone_at_once(
    driver: ObjectStoreDriver, other: ObjectStoreDriver
) -> None:
    link = content()
    await driver.write_noted(LINK, link, NOTE)
    await driver.read_noted(LINK)
    await other.delete(LINK)
    with pytest.raises(PathNotFound):
        await driver.read_noted(LINK)
    await other.write([(LINK, link)])
    assert (await driver.read_noted(LINK))[0] == link


async def test_only_entity_tags_made_of_the_content_are_trusted(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    """That of an object in parts says how it was written as well, and others may be made of a size and a time."""
    await obstore.put_async(driver._store, driver.key(LINK), content(), use_multipart=True)
    assert await conditions(driver, proxy) == [False]
    assert await conditions(driver, proxy) == [False]


async def test_what_is_too_large_for_a_link_is_not_taken_into_memory(driver: ObjectStoreDriver) -> None:
    await driver.write([(LINK, bytes(LINK_BYTES))])
    assert await driver.read_noted(LINK) == (bytes(LINK_BYTES), b"")
    await driver.write([(LINK, bytes(LINK_BYTES + 1))])
    with pytest.raises(Obstructed, match="has 4097 bytes, where a link is expected"):
        await driver.read_noted(LINK)


async def test_a_note_that_this_process_writes_is_read(driver: ObjectStoreDriver) -> None:
    link = content()
    await driver.write([(LINK, link)])
    assert await driver.read_noted(LINK) == (link, b"")
    await driver.write_noted(LINK, link, NOTE)
    assert await driver.read_noted(LINK) == (link, NOTE)


class WithoutConditions(Faults):
    """A store that refuses each request that has one."""

    def __init__(self, status: str) -> None:
        super().__init__(refusal=Refusal(status, "NotImplemented"))

    def refused(self, request: Head) -> Refusal | None:
        return self.refusal if request.header("if-none-match") else None


@pytest.mark.parametrize("status", ["400 Bad Request", "412 Precondition Failed", "501 Not Implemented"])
async def test_a_store_that_refuses_conditions_is_asked_without(
    driver: ObjectStoreDriver, proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    link = content()
    await driver.write_noted(LINK, link, NOTE)
    await driver.read_noted(LINK)
    monkeypatch.setattr(proxy, "faults", WithoutConditions(status))
    assert await driver.read_noted(LINK) == (link, NOTE)
    assert await conditions(driver, proxy) == [False]


async def test_a_store_that_refuses_everything_is_not_taken_for_one_without_conditions(
    driver: ObjectStoreDriver, proxy: StoreProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 answers 400 where credentials have expired."""
    await driver.write_noted(LINK, content(), NOTE)
    await driver.read_noted(LINK)
    with monkeypatch.context() as patched:
        patched.setattr(proxy, "faults", Faults(refusal=Refusal("400 Bad Request", "ExpiredToken")))
        with pytest.raises(DriverError, match="the credentials have expired"):
            await driver.read_noted(LINK)
    assert await conditions(driver, proxy) == [True]


@pytest.mark.parametrize(
    ("entity_tag", "named"),
    [
        ('"9a0364b9e99bb480dd25e1f0284c8555"', True),
        ('W/"9a0364b9e99bb480dd25e1f0284c8555"', False),
        ('"9a0364b9e99bb480dd25e1f0284c8555-1"', False),
        ('"0x8DAA0364B9E99BB"', False),
        ('"6a1f2c3d-47"', False),
    ],
)
def test_an_entity_tag_names_the_content_by_its_md5(entity_tag: str, named: bool) -> None:
    assert names(entity_tag, b"content") is named


async def test_the_least_recently_read_is_forgotten_first(moto_store: S3, proxy: StoreProxy) -> None:
    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    links = {driver.key(f"/{name}"): content() for name in "abc"}
    for key, link in links.items():
        await obstore.put_async(driver._store, key, link, attributes=dict(as_metadata(NOTE)))
    two = 2 * (ENTRY_BYTES + len(content()) + len(NOTE)) + sum(map(len, [*links][:2]))
    reading = Confirming(driver._store, two)
    a, b, c = links

    async def known(key: str) -> bool:
        with proxy.counted() as calls:
            assert await reading.read(key, key) == Noted(links[key], NOTE)
        return bool(calls[0].head.header("if-none-match"))

    assert [await known(key) for key in (a, b, a, c, a, b)] == [False, False, True, False, True, False]
    await driver.close()
