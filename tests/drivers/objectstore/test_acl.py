"""With a canned ACL, every object of S3 that stays has it from its first moment."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Final

import pytest

from moorage.config.sections import s3 as sections
from moorage.drivers.base import DriverError, WriteRefused
from moorage.drivers.objectstore.acl import PUTS_AT_ONCE, WithAcl
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.multipart import Multipart
from moorage.drivers.objectstore.s3 import S3Options, s3_driver
from moorage.drivers.objectstore.sdk import S3Clients
from tests.contracts.driver import OF_ANY, Promise
from tests.contracts.streams import content
from tests.drivers.objectstore.stores import DATA, LINKS, s3_options, uploaded
from tests.stores.bucket import EVERYONE, Bucket
from tests.support.objectstores import S3
from tests.support.storefaults import Faults, Refusal
from tests.support.storeproxy import StoreProxy

MIB: Final = 1 << 20
LINK: Final = b"sha256:" + 64 * b"0"
WAIT_SECONDS: Final = 30.0
REGISTERED: Final = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


def with_acl(store: S3, root: str = "", acl: str = "public-read") -> S3Options:
    options = s3_options(store, root or f"tests/{secrets.token_hex(6)}")
    return replace(options, acl=acl, copy_bytes=5 * MIB, copy_threshold=5 * MIB)


@pytest.fixture
async def driver(moto_store: S3, proxy: StoreProxy) -> AsyncIterator[ObjectStoreDriver]:
    made = s3_driver(with_acl(replace(moto_store, endpoint=proxy.endpoint)), links_for=LINKS)
    yield made
    await made.close()


@pytest.fixture
def bucket(driver: ObjectStoreDriver, moto_store: S3) -> Bucket:
    return Bucket(moto_store, driver.key("/").rstrip("/"))


@pytest.mark.parametrize("promise", OF_ANY, ids=lambda promise: promise.__name__)
async def test_the_driver_keeps_its_promises_with_an_acl(promise: Promise, moto_store: S3) -> None:
    driver = s3_driver(with_acl(moto_store), links_for=LINKS)
    await promise(driver)
    await driver.close()


@pytest.mark.parametrize(
    ("sizes", "remembered"),
    [
        ((), True),
        ((1000,), True),
        ((1000,), False),
        ((12 * MIB,), True),
        ((1000, 1000), True),
        ((10 * MIB, 5 * MIB, 3), True),
    ],
    ids=str,
)
async def test_an_upload_of_any_shape_becomes_an_object_with_the_acl(
    driver: ObjectStoreDriver, moto_store: S3, bucket: Bucket, sizes: tuple[int, ...], remembered: bool
) -> None:
    segments = [os.urandom(size) for size in sizes]
    mark = await uploaded(driver, *segments)
    mover = driver if remembered else s3_driver(with_acl(moto_store, bucket.root), links_for=LINKS)
    await mover.move(DATA, "/blob", [("/link", b"to it")], mark=mark)
    assert await content(driver, "/blob") == b"".join(segments)
    assert bucket.names() == ["blob", "link"]
    for name in bucket.names():
        assert (EVERYONE, "READ") in bucket.grants(name), name
    if mover is not driver:
        await mover.close()


async def test_small_files_have_the_acl_and_their_notes(driver: ObjectStoreDriver, bucket: Bucket) -> None:
    await driver.write([("/a", b"1"), ("/b", b"2")], [("/c", b"")])
    await driver.write_noted("/d", b"3", b"a note")
    assert await driver.read_noted("/d") == (b"3", b"a note")
    for name in "abcd":
        assert (EVERYONE, "READ") in bucket.grants(name), name


async def test_files_that_hold_keys_are_private_and_no_others(moto_store: S3) -> None:
    options = replace(with_acl(moto_store), private="/own")
    driver = s3_driver(options, links_for=LINKS)
    await driver.write([("/own/secret", b"1"), ("/owner", b"2"), ("/images/own/layer", b"3")])
    await driver.close()
    bucket = Bucket(moto_store, options.root)
    assert {name for name in bucket.names() if (EVERYONE, "READ") in bucket.grants(name)} == {
        "owner",
        "images/own/layer",
    }


async def test_files_cost_no_further_call(driver: ObjectStoreDriver, proxy: StoreProxy) -> None:
    mark = await uploaded(driver, b"small")
    with proxy.counted() as calls:
        await driver.move(DATA, "/blob", [("/link", b"to it")], mark=mark)
        await driver.write([("/a", b"1"), ("/b", b"2")])
    assert sorted(call.method for call in calls) == ["POST", "PUT", "PUT", "PUT", "PUT"]


@pytest.mark.parametrize("size", [0, 1000, 5 * MIB, 5 * MIB + 1, 17 * MIB], ids=str)
async def test_a_file_that_is_created_has_the_acl_and_appears_whole(
    driver: ObjectStoreDriver, bucket: Bucket, size: int
) -> None:
    data = os.urandom(size)
    creation = driver.create("/blob", size)
    assert creation is not None
    for start in range(0, size, MIB):
        await creation.write([data[start : start + MIB]])
    await creation.flush()
    assert bucket.names() == []
    await creation.commit()
    assert await content(driver, "/blob") == data
    assert (EVERYONE, "READ") in bucket.grants("blob")


async def test_a_file_that_is_given_up_leaves_nothing(driver: ObjectStoreDriver, bucket: Bucket) -> None:
    creation = driver.create("/blob", 17 * MIB)
    assert creation is not None
    await creation.write([bytes(11 * MIB)])
    await creation.flush()
    await creation.abort()
    assert bucket.names() == bucket.unfinished() == []


async def test_a_part_that_fails_ends_the_file_and_leaves_nothing(
    driver: ObjectStoreDriver, proxy: StoreProxy, bucket: Bucket
) -> None:
    creation = driver.create("/blob", 64 * MIB)
    assert creation is not None
    await creation.write([bytes(11 * MIB)])
    await creation.flush()

    async def go_on() -> None:
        for _ in range(5):
            await creation.write([bytes(10 * MIB)])
        await creation.commit()

    proxy.faults = Faults(refusal=Refusal("403 Forbidden", "AccessDenied", ("PUT",)))
    with pytest.raises(WriteRefused):
        await go_on()
    proxy.faults = Faults()
    await creation.abort()
    assert bucket.names() == bucket.unfinished() == []


async def test_what_is_uploaded_but_not_finished_has_the_acl_too(
    driver: ObjectStoreDriver, bucket: Bucket
) -> None:
    """A bucket of another account may refuse any object without."""
    await uploaded(driver, os.urandom(12 * MIB), b"more")
    assert len(bucket.names()) == 2
    for name in bucket.names():
        assert (EVERYONE, "READ") in bucket.grants(name), name


@pytest.mark.parametrize("acl", ["bucket-owner-read", "bucket-owner-full-control"])
async def test_the_owner_of_the_bucket_may_have_all(moto_store: S3, proxy: StoreProxy, acl: str) -> None:
    options = with_acl(replace(moto_store, endpoint=proxy.endpoint), acl=acl)
    driver = s3_driver(replace(options, private="/own"), links_for=LINKS)
    with proxy.counted() as calls:
        await driver.write([("/own/secret", b"1")])
    await driver.close()
    assert [call.head.header("x-amz-acl") for call in calls] == [acl]


@pytest.mark.parametrize(
    ("acl", "readers"),
    [
        ("public-read-write", {EVERYONE}),
        ("authenticated-read", {REGISTERED}),
        ("aws-exec-read", set()),
        ("bucket-owner-read", set()),
        ("bucket-owner-full-control", set()),
        ("private", set()),
    ],
)
async def test_every_acl_of_the_configuration_is_one_of_s3(
    moto_store: S3, acl: str, readers: set[str]
) -> None:
    section = sections.S3.model_validate({"bucket": "b", "region": "r", "objectacl": acl})
    options = with_acl(moto_store, acl=section.objectacl)
    driver = s3_driver(options, links_for=LINKS)
    await driver.write([("/a", b"1")])
    await driver.close()
    found = Bucket(moto_store, options.root).grants("a")
    assert {who for who, what in found if who in (EVERYONE, REGISTERED) and what == "READ"} == readers


async def test_a_bucket_that_takes_no_acls_says_so(driver: ObjectStoreDriver, proxy: StoreProxy) -> None:
    proxy.faults = Faults(refusal=Refusal("400 Bad Request", "AccessControlListNotSupported", ("PUT",)))
    with pytest.raises(DriverError, match="/a: the bucket takes no ACLs: remove `objectacl`"):
        await driver.write([("/a", b"1")])


async def test_a_store_that_cannot_name_it_in_a_copy_is_not_given_an_object_without(
    rclone_store: S3,
) -> None:
    driver = s3_driver(with_acl(rclone_store), links_for=LINKS)
    mark = await uploaded(driver, os.urandom(12 * MIB))
    with pytest.raises(DriverError, match="copies no parts of objects, which `objectacl` needs"):
        await driver.move(DATA, "/blob", mark=mark)
    assert await driver.children("/") == ["u"]
    await driver.close()


class StalledLayers(Multipart):
    """A bucket that takes links at once, and layers and their parts only when it is told to go on."""

    def __init__(self, store: S3) -> None:
        arguments = {
            "region_name": store.region,
            "endpoint_url": store.endpoint,
            "aws_access_key_id": store.access_key,
            "aws_secret_access_key": store.secret_key,
            "addressing_style": "path",
            "user_agent": "tests",
        }
        super().__init__(store.bucket, S3Clients(arguments), {"ACL": "public-read"})
        self._reached = threading.Semaphore(0)
        self._going = threading.Event()

    def put_object(self, target: str, data: bytes, metadata: Mapping[str, str]) -> None:
        if data != LINK:
            self._stall()
        super().put_object(target, data, metadata)

    def put_part(self, target: str, upload: str, number: int, data: bytes | bytearray) -> str:
        self._stall()
        return super().put_part(target, upload, number, data)

    def _stall(self) -> None:
        self._reached.release()
        assert self._going.wait(WAIT_SECONDS)

    async def reached(self, times: int) -> None:
        """Wait for as many layers and parts."""
        for _ in range(times):
            assert await asyncio.to_thread(self._reached.acquire, timeout=WAIT_SECONDS)

    def go_on(self) -> None:
        self._going.set()


@pytest.mark.parametrize("parts", [1, 2])
async def test_links_do_not_wait_for_layers_that_are_being_sent(
    moto_store: S3, bucket: Bucket, parts: int
) -> None:
    uploads = StalledLayers(moto_store)
    putter = WithAcl(uploads, uploads, "")

    async def layer(number: int) -> None:
        path = f"layer{number}"
        sink = putter.sink(f"{bucket.root}/{path}", path, 5 * MIB, parts, small=False)
        await sink.write(bytes((parts - 1) * 5 * MIB + 1))
        await sink.close()

    layers = [asyncio.create_task(layer(number)) for number in range(PUTS_AT_ONCE // parts)]
    await uploads.reached(PUTS_AT_ONCE)
    link = asyncio.create_task(putter.put(f"{bucket.root}/link", "link", LINK, {}))
    done, _ = await asyncio.wait([link], timeout=WAIT_SECONDS / 3)
    there = bucket.names()
    uploads.go_on()
    await asyncio.gather(link, *layers)
    putter.close()
    assert (done, there) == ({link}, ["link"])
