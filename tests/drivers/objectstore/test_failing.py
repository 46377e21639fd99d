"""Over a store that breaks off, refuses, or says what is not so."""

from __future__ import annotations

import os
from datetime import timedelta

import obstore
import pytest
from obstore.store import S3Store

from moorage.drivers.base import DriverError, PathNotFound, WriteRefused
from moorage.drivers.objectstore import network
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.reading import ObjectReader
from tests.contracts.streams import whole
from tests.drivers.objectstore.instead import Instead, instead
from tests.drivers.objectstore.stores import driver_over
from tests.stores.bucket import Bucket
from tests.support.heads import Head
from tests.support.objectstores import S3
from tests.support.storefaults import READING, WRITING, Fault, Faults, Refusal
from tests.support.storeproxy import StoreProxy

MIB = 1 << 20


class First(Faults):
    """The first requests meet the fault, and no other one does."""

    def __init__(self, kind: Fault, times: int) -> None:
        super().__init__()
        self._kind = kind
        self._left = times

    def draw(self, request: Head) -> Fault | None:
        self._left -= 1
        return self._kind if self._left >= 0 else None


class Crowd(Faults):
    """The most requests that waited for their answer at one time: each is delayed before its fault is drawn."""

    def __init__(self, proxy: StoreProxy) -> None:
        super().__init__()
        self._calls = proxy.calls
        self._answered = len(proxy.calls)
        self.most = 0

    def draw(self, request: Head) -> Fault | None:
        self.most = max(self.most, len(self._calls) - self._answered)
        self._answered += 1
        return None


async def test_many_files_are_written_a_few_at_a_time(driver: ObjectStoreDriver, proxy: StoreProxy) -> None:
    files = [(f"/a/{number}", b"%d" % number) for number in range(200)]
    proxy.latency_seconds = 0.05
    proxy.faults = crowd = Crowd(proxy)
    await driver.write(files)
    proxy.latency_seconds = 0.0
    assert 1 < crowd.most <= 16
    assert await driver.children("/a") == sorted(path[3:] for path, _ in files)


@pytest.mark.parametrize("kind", [Fault.TRUNCATED, Fault.CUT_OFF])
async def test_an_answer_that_breaks_off_is_asked_for_again(
    driver: ObjectStoreDriver, proxy: StoreProxy, kind: Fault
) -> None:
    await driver.write([("/a/b", b"x" * 1000), ("/a/c", b"y")])
    proxy.faults = First(kind, 2)
    assert await driver.children("/a") == ["b", "c"]
    proxy.faults = First(kind, 2)
    assert await driver.is_folder("/a")
    proxy.faults = First(kind, 2)
    assert await driver.read("/a/b") == b"x" * 1000
    proxy.faults = First(kind, 2)
    with pytest.raises(PathNotFound):
        await driver.read("/a/d")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "LONGEST", timedelta(milliseconds=100))


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("kind", [Fault.SLOW_DOWN, Fault.RESET])
async def test_a_store_is_asked_until_the_time_is_over_and_not_a_few_times(
    moto_store: S3, proxy: StoreProxy, kind: Fault
) -> None:
    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    await driver.write([("/a/b", b"x")])
    proxy.faults = First(kind, 10)
    assert await driver.read("/a/b") == b"x"
    await driver.close()


@pytest.mark.parametrize("kind", [Fault.SLOW_DOWN, Fault.RESET])
async def test_a_store_is_given_up_when_the_time_is_over(
    moto_store: S3, proxy: StoreProxy, kind: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "GIVE_UP", timedelta(seconds=0.2))
    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    proxy.faults = Faults(1, [kind])
    with pytest.raises(DriverError):
        await driver.read("/a/b")
    assert 1 < len(proxy.injected) < 10
    await driver.close()


@pytest.mark.usefixtures("hurried")
async def test_whether_a_store_is_there_at_all_is_asked_a_few_times(
    moto_store: S3, proxy: StoreProxy
) -> None:
    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    proxy.faults = First(Fault.RESET, 2)
    assert not await driver.is_folder("/a")
    proxy.faults = First(Fault.RESET, 10)
    with pytest.raises(DriverError):
        await driver.is_folder("/a")
    await driver.close()


async def test_a_long_answer_is_gone_on_with_as_long_as_it_brings_something(
    moto_store: S3, proxy: StoreProxy
) -> None:
    """Also when obstore does not, which does so in the first seconds only."""
    data = os.urandom(4 * MIB)
    store = S3Store(
        moto_store.bucket,
        config={
            "endpoint": proxy.endpoint,
            "access_key_id": moto_store.access_key,
            "secret_access_key": moto_store.secret_key,
            "region": moto_store.region,
        },
        client_options={"allow_http": True},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1), "backoff": {}},
    )
    await obstore.put_async(store, "failing/long", data)
    proxy.faults = First(Fault.TRUNCATED, 3)
    reader = ObjectReader(store, "failing/long", "/long", await obstore.get_async(store, "failing/long"))
    received = b"".join([bytes(part) async for part in reader.stream(0, len(data), 1 << 16)])
    assert received == data
    assert len(proxy.injected) == 3
    proxy.faults = Faults(1, [Fault.RESET])
    with pytest.raises(DriverError):
        _ = [part async for part in reader.stream(0, len(data), 1 << 16)]


async def etag(driver: ObjectStoreDriver, path: str) -> str | None:
    return (await obstore.head_async(driver._store, driver.key(path)))["e_tag"]


async def test_whoever_reads_a_blob_while_it_is_pushed_again_goes_on(driver: ObjectStoreDriver) -> None:
    """The same bytes in other parts are another version to S3."""
    data = os.urandom(12 * MIB)
    await driver.write([("/blob", data)])
    tag = await etag(driver, "/blob")
    reader = await driver.open("/blob")
    creation = driver.create("/blob", len(data))
    assert creation is not None
    await creation.write([data])
    await creation.commit()
    assert await etag(driver, "/blob") != tag
    assert await whole(reader, MIB) == data[MIB:]


async def test_a_reader_does_not_go_on_with_a_file_of_another_size(driver: ObjectStoreDriver) -> None:
    await driver.write([("/a", b"a" * MIB)])
    reader = await driver.open("/a")
    for size in (MIB - 1, MIB + 1, 10):
        await driver.write([("/a", b"b" * size)])
        with pytest.raises(DriverError):
            await whole(reader, 100)


async def test_an_upload_whose_copy_was_said_to_be_made_is_not_called_missing(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    writer = await driver.writer("/u/data", mark=await driver.begin("/u", b"", "/u/data"))
    await writer.write([os.urandom(2 * MIB)])
    await writer.flush()
    proxy.faults = Faults(refusal=Refusal("200 OK", "ServiceUnavailable", ("PUT",)))
    with pytest.raises(DriverError) as raised:
        await driver.move("/u/data", "/blob", mark=writer.mark)
    assert not isinstance(raised.value, PathNotFound)
    proxy.faults = Faults()
    await driver.move("/u/data", "/blob", mark=writer.mark)
    assert (await driver.stat("/blob")).size == 2 * MIB


@pytest.mark.parametrize(
    ("body", "absent"),
    [
        (b"default backend - 404", False),
        (b"<html><h1>Not Found</h1></html>", False),
        (b"<Error><Code>NoSuchBucket</Code></Error>", False),
        (b"<Error><Code>NoSuchKey</Code></Error>", True),
        (b'{"error": {"code": 404}}', True),
        (b"", True),
    ],
)
async def test_a_balancer_that_lost_the_store_does_not_say_what_is_absent(
    moto_store: S3, body: bytes, absent: bool
) -> None:
    async with instead(Instead(404, body)) as endpoint:
        driver = driver_over(moto_store, endpoint=endpoint)
        for asked in (driver.read("/a"), driver.stat("/a"), driver.open("/a")):
            with pytest.raises(DriverError) as raised:
                await asked
            assert isinstance(raised.value, PathNotFound) == absent, raised.value
        await driver.close()


async def test_what_is_in_a_bucket_that_is_gone_is_not_called_absent(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    await driver.write([("/a", b"x")])
    proxy.faults = Faults(refusal=Refusal("404 Not Found", "NoSuchBucket"))
    for asked in (driver.read("/a"), driver.stat("/a"), driver.open("/a"), driver.is_folder("/")):
        with pytest.raises(DriverError, match="the bucket does not exist") as raised:
            await asked
        assert not isinstance(raised.value, PathNotFound)


async def test_an_empty_object_has_a_size_too(driver: ObjectStoreDriver) -> None:
    await driver.write([("/empty", b""), ("/a", b"x")])
    assert (await driver.stat("/empty")).size == 0
    assert (await driver.stat("/a")).size == 1
    with pytest.raises(PathNotFound):
        await driver.stat("/tags/InvalidRange/416 Range")


async def test_a_bucket_of_another_region_is_told_in_words(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    proxy.faults = Faults(refusal=Refusal("301 Moved Permanently", "PermanentRedirect"))
    with pytest.raises(DriverError, match="the region or the endpoint is wrong"):
        await driver.read("/a")


@pytest.mark.parametrize("method", READING)
async def test_who_may_not_read_is_told_why(
    driver: ObjectStoreDriver, proxy: StoreProxy, method: str
) -> None:
    await driver.write([("/a", b"x")])
    proxy.faults = Faults(refusal=Refusal("403 Forbidden", "AccessDenied"))
    with pytest.raises(DriverError, match="AccessDenied") as raised:
        await (driver.read("/a") if method == "GET" else driver.stat("/a"))
    assert not isinstance(raised.value, (PathNotFound, WriteRefused))


async def test_who_may_not_write_is_told_so(driver: ObjectStoreDriver, proxy: StoreProxy) -> None:
    await driver.write([("/a", b"x")])
    creation = driver.create("/large", 12 * MIB)
    assert creation is not None
    proxy.faults = Faults(refusal=Refusal("403 Forbidden", "AccessDenied", WRITING))
    with pytest.raises(WriteRefused, match="AccessDenied"):
        await driver.write([("/a", b"y")])
    with pytest.raises(WriteRefused, match="AccessDenied"):
        await driver.delete("/a")

    async def create() -> None:
        await creation.write([os.urandom(12 * MIB)])
        await creation.commit()

    with pytest.raises(WriteRefused, match="AccessDenied"):
        await create()
    assert await driver.read("/a") == b"x"


async def test_what_consoles_make_for_a_folder_is_an_empty_folder(
    driver: ObjectStoreDriver, moto_store: S3
) -> None:
    bucket = Bucket(moto_store, driver.key("").rstrip("/"))
    for name in ("", "a/", "a/b/"):
        bucket.put(name, b"")
    assert await driver.children("/") == ["a"]
    assert await driver.children("/a") == ["b"]
    assert await driver.children("/a/b") == []
    assert not await driver.is_folder("/a/b")
    with pytest.raises(PathNotFound):
        await driver.children("/a/c")
    with pytest.raises(PathNotFound):
        await driver.delete("/a/b")
    await driver.write([("/a/b/c", b"x")])
    assert await driver.children("/a/b") == ["c"]
    await driver.delete("/a/b")
    assert await driver.children("/a/b") == []


@pytest.mark.parametrize(
    ("code", "told"),
    [("NotImplemented", "look at encrypt"), ("InvalidStorageClass", "look at storageclass; NONE sends none")],
)
async def test_what_a_store_does_not_know_is_told_with_the_keys_that_ask_for_it(
    driver: ObjectStoreDriver, proxy: StoreProxy, code: str, told: str
) -> None:
    proxy.faults = Faults(refusal=Refusal("400 Bad Request", code, WRITING))
    with pytest.raises(DriverError, match=rf"{told}.* \({code}\)$"):
        await driver.write([("/a", b"x")])


LOOK = "look at bucket and regionendpoint"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, b"<Error><Code>NoSuchKey</Code></Error>", f"NoSuchKey: {LOOK}"),
        (400, b"<Error><Code>InvalidArgument</Code></Error>", f"InvalidArgument: {LOOK}"),
        (400, b"<Error><Code>InvalidBucketName</Code></Error>", f"InvalidBucketName: {LOOK}"),
        (404, b'{"errors": [{"code": "NAME_UNKNOWN"}]}', f"404 Not Found: {LOOK}"),
        (404, b"", f"404 Not Found: {LOOK}"),
        (405, b"", f"405 Method Not Allowed: {LOOK}"),
        (200, b"<!doctype html><meta charset=utf-8><p>Welcome</p>", f"invalid list response.*: {LOOK}"),
        (404, b"<Error><Code>NoSuchBucket</Code></Error>", r"the bucket does not exist \(NoSuchBucket\)$"),
        (400, b"<Error><Code>InvalidToken</Code></Error>", r"the session token is wrong \(InvalidToken\)$"),
        (403, b"<Error><Code>AccountProblem</Code></Error>", "/a: AccountProblem$"),
    ],
)
async def test_a_listing_that_no_bucket_would_answer_so_is_told_with_where_to_look(
    moto_store: S3, status: int, body: bytes, told: str
) -> None:
    async with instead(Instead(status, body)) as endpoint:
        driver = driver_over(moto_store, endpoint=endpoint)
        with pytest.raises(DriverError, match=told) as raised:
            await driver.is_folder("/a")
        await driver.close()
    assert "\n" not in str(raised.value)
