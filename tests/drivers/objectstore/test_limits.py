"""Uploads of any size and in any number of requests, at a store that holds its clients to every limit.

Most of it is at a tenth of S3's sizes, so that it can be sent in seconds; what the store copies by itself has its real size.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import pytest

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.objectstore import limits
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.s3 import s3_driver
from moorage.drivers.objectstore.segments import Head
from tests.drivers.objectstore.stores import LINKS, driver_over, s3_options
from tests.support.sparse import Body, Content, sha256, stamped
from tests.support.sparse_s3 import GIB, MIB, Limits
from tests.support.sparse_server import Server, sparse_s3

DATA = "/u/data"
PIECE = 1_700_001
SMALL = Limits(parts=10, sent=40 * MIB, copied=40 * MIB, page=10)
LARGE = 55 * MIB
"""More than 10 parts of 5 MiB."""


@pytest.fixture
def store() -> Iterator[Server]:
    with sparse_s3() as started:
        yield started


@pytest.fixture
async def driver(store: Server) -> AsyncIterator[ObjectStoreDriver]:
    made = driver_over(store.service, "root")
    yield made
    await made.close()


@pytest.fixture
async def small(store: Server) -> AsyncIterator[ObjectStoreDriver]:
    """Over a store that takes little."""
    store.bucket.limits = SMALL
    options = replace(
        s3_options(store.service, "root"),
        part_bytes=5 * MIB,
        copy_bytes=5 * MIB,
        copy_threshold=40 * MIB,
        limits=limits.Limits(parts=10, copy=40 * MIB, segment=32 * MIB),
    )
    made = s3_driver(options, links_for=LINKS)
    yield made
    await made.close()


async def uploaded(driver: ObjectStoreDriver, sizes: Sequence[int], path: str = DATA) -> str:
    """The mark of an upload in as many requests; what was sent is `stamped`. Nothing in it is where a part ends."""
    mark, hasher = await driver.begin("", b"", ""), hashlib.sha256()
    for size in sizes:
        writer = await driver.writer(path, mark=mark)
        stop = writer.size + size
        while writer.size < stop:
            pieces = [*stamped(writer.size, min(writer.size + PIECE, stop))]
            await writer.write(pieces, lambda some: hasher.update(b"".join(some)))
        await writer.close()
        mark = writer.mark
    assert hasher.hexdigest() == sha256(stamped(0, sum(sizes)))
    return mark


def holds(store: Server, key: str, size: int) -> bool:
    content = store.bucket.get(key).content
    return content.size == size and sha256(content.pieces()) == sha256(stamped(0, size))


@pytest.mark.parametrize(
    "sizes",
    [
        [LARGE],
        [15 * MIB + 1, 25 * MIB, 15 * MIB - 1],
        [11 * MIB // 2] * 10,
        [300_000] * 100,
        [32 * MIB, 1, 1, 32 * MIB, 7 * MIB],
    ],
    ids=["one", "three", "chunks", "small-chunks", "uneven"],
)
async def test_an_upload_in_any_requests_keeps_the_limits(
    small: ObjectStoreDriver, store: Server, sizes: list[int]
) -> None:
    await small.move(DATA, "/blob", mark=await uploaded(small, sizes))
    assert holds(store, "root/blob", sum(sizes))
    assert list(store.bucket.objects) == ["root/blob"], "segments were left"
    assert not store.bucket.uploads


async def test_a_blob_in_one_request_keeps_the_limits(small: ObjectStoreDriver, store: Server) -> None:
    creation = small.create("/blob", LARGE)
    assert creation is not None
    for piece in stamped(0, LARGE):
        await creation.write([piece])
    await creation.commit()
    assert holds(store, "root/blob", LARGE)
    assert len(store.bucket.completed["root/blob"]) == 10


def reads_of_segments(store: Server) -> list[str]:
    return [target for method, target in store.calls if method == "GET" and f"{DATA}/" in target]


async def test_of_a_large_upload_only_parts_over_a_border_are_read(
    small: ObjectStoreDriver, store: Server
) -> None:
    """Segments end where parts do; the one where the client broke off does not."""
    mark = await uploaded(small, [40 * MIB + 1, 30 * MIB])
    store.calls.clear()
    await small.move(DATA, "/blob", mark=mark)
    assert len(reads_of_segments(store)) == 2


async def test_of_equal_chunks_nothing_is_read(small: ObjectStoreDriver, store: Server) -> None:
    mark = await uploaded(small, [6 * MIB] * 9 + [3])
    store.calls.clear()
    await small.move(DATA, "/blob", mark=mark)
    assert reads_of_segments(store) == []
    assert holds(store, "root/blob", 54 * MIB + 3)


async def test_what_would_need_parts_that_fill_the_memory_becomes_segments(driver: ObjectStoreDriver) -> None:
    assert driver.create("/blob", 400 * GIB) is None
    creation = driver.create("/blob", 200 * GIB)
    assert creation is not None
    await creation.abort()


# What the store copies by itself: with the limits and sizes of S3, and the default options.


def laid(store: Server, sizes: Sequence[int]) -> str:
    """The mark of an upload that left segments of those sizes, all zeros."""
    head = Head()
    for size in sizes:
        head = Head(replace(head.next(), size=size))
        assert head.last is not None
        store.bucket.put(f"root{DATA}/{head.last.file}", Content.of(Body(size)))
    return head.mark


@pytest.mark.parametrize("size", [4 * GIB, 5 * GIB])
@pytest.mark.parametrize("threshold", [32 * MIB, 5 * GIB])
async def test_an_object_of_up_to_five_gibibytes_is_copied_in_one_call_or_in_parts(
    store: Server, size: int, threshold: int
) -> None:
    options = replace(s3_options(store.service, "root"), copy_threshold=threshold)
    driver = s3_driver(options, links_for=LINKS)
    await driver.move(DATA, "/blob", mark=laid(store, [size]))
    assert store.bucket.get("root/blob").content.size == size
    assert len(store.bucket.completed.get("root/blob", [])) == (
        0 if threshold > size - 1 else size // (32 * MIB)
    )
    await driver.close()


async def test_more_than_five_gibibytes_are_never_copied_in_one_call(store: Server) -> None:
    options = replace(s3_options(store.service, "root"), copy_threshold=5 * GIB)
    driver = s3_driver(options, links_for=LINKS)
    store.bucket.limits = replace(store.bucket.limits, sent=6 * GIB)
    for sizes in ([4 * GIB, 2 * GIB, 1], [5 * GIB + 1]):
        await driver.move(DATA, "/blob", mark=laid(store, sizes))
        assert store.bucket.get("root/blob").content.size == sum(sizes)
    await driver.close()


@pytest.mark.soak
@pytest.mark.parametrize("size", [200 * GIB, 400 * GIB, 5120 * GIB], ids=str)
async def test_objects_of_any_size_are_joined_with_the_default_options(
    driver: ObjectStoreDriver, store: Server, size: int
) -> None:
    full, rest = divmod(size - 1, 4 * GIB)
    await driver.move(DATA, "/blob", mark=laid(store, [4 * GIB] * full + [rest]))
    assert store.bucket.get("root/blob").content.size == size - 1


# Pages


async def test_pages_of_any_listing_are_followed(driver: ObjectStoreDriver, store: Server) -> None:
    store.bucket.limits = replace(store.bucket.limits, page=2)
    mark = await uploaded(driver, [1000] * 50)
    await uploaded(driver, [1000] * 7, path="/u/data2")
    assert (await driver.written(DATA)).size == 50_000
    writer = await driver.writer(DATA)
    assert (writer.size, writer.mark) == (50_000, mark)
    assert await driver.children("/u") == ["data", "data2"]
    await driver.move(DATA, "/blob", mark=mark)
    assert holds(store, "root/blob", 50_000)
    assert (await driver.written("/u/data2")).size == 7_000


# Two at once


async def test_two_that_write_one_blob_do_not_mix_their_parts(
    driver: ObjectStoreDriver, store: Server
) -> None:
    size = 31 * MIB
    first, second = driver.create("/blob", size), driver.create("/blob", size)
    assert first is not None
    assert second is not None
    for right, wrong in zip(stamped(0, size), stamped(size, 2 * size), strict=True):
        await first.write([right])
        await second.write([wrong])
    await second.commit()
    await first.commit()
    assert holds(store, "root/blob", size)
    assert len(store.bucket.completed["root/blob"]) == 4


async def test_two_that_go_on_with_one_upload_do_not_mix_their_segments(
    driver: ObjectStoreDriver, store: Server
) -> None:
    start = await uploaded(driver, [11 * MIB])
    writers = [await driver.writer(DATA, mark=start) for _ in range(2)]
    for number in range(11, 41):
        await writers[0].write([*stamped(number * MIB, (number + 1) * MIB)])
        await writers[1].write([b"other" * 200_000])
        if number % 12 == 0:
            for writer in writers:
                await writer.flush()
    for writer in writers:
        await writer.close()
    await driver.move(DATA, "/blob", mark=writers[0].mark)
    assert holds(store, "root/blob", 41 * MIB)


# Stores that say what is not so


@pytest.mark.parametrize("sizes", [[3 * MIB], [40 * MIB], [20 * MIB, 30 * MIB]], ids=str)
async def test_a_copy_that_lost_bytes_is_no_blob_and_can_be_made_again(
    driver: ObjectStoreDriver, store: Server, sizes: list[int]
) -> None:
    mark = await uploaded(driver, sizes)
    store.bucket.limits = replace(store.bucket.limits, equal_parts=False, least_part=1)
    store.bucket.short_copies = True
    with pytest.raises(DriverError):
        await driver.move(DATA, "/blob", mark=mark)
    with pytest.raises(PathNotFound):
        await driver.stat("/blob")
    store.bucket.short_copies = False
    await driver.move(DATA, "/blob", mark=mark)
    assert holds(store, "root/blob", sum(sizes))


async def test_parts_that_were_purged_meanwhile_are_a_failure_not_an_absence(
    driver: ObjectStoreDriver, store: Server
) -> None:
    writer = await driver.writer(DATA, mark="0")
    await writer.write([*stamped(0, 25 * MIB)])
    store.bucket.uploads.clear()
    with pytest.raises(DriverError) as raised:
        await writer.close()
    assert not isinstance(raised.value, PathNotFound)


async def test_copies_have_the_storage_class_that_the_configuration_names(store: Server) -> None:
    options = replace(s3_options(store.service, "root"), storage_class="STANDARD_IA")
    driver = s3_driver(options, links_for=LINKS)
    for number, sizes in enumerate(([100], [3 * MIB], [3 * MIB] * 2, [40 * MIB], [30 * MIB] * 2)):
        await driver.move(DATA, f"/blob{number}", mark=await uploaded(driver, sizes))
        assert store.bucket.get(f"root/blob{number}").storage_class == "STANDARD_IA", sizes
    await driver.close()


# What others left


async def test_a_push_goes_on_among_ten_thousand_uploads_that_nobody_finished(
    driver: ObjectStoreDriver, store: Server
) -> None:
    for number in range(10_000):
        store.bucket.begin(f"root/u/{number % 100}")
    await driver.move(DATA, "/blob", mark=await uploaded(driver, [20 * MIB, 20 * MIB]))
    assert holds(store, "root/blob", 40 * MIB)


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_what_nobody_finished_is_found_over_many_pages_and_removed(
    driver: ObjectStoreDriver, store: Server, count: int
) -> None:
    store.bucket.limits = replace(store.bucket.limits, page=count // 10)
    for number in range(count):
        store.bucket.begin(f"root/{'uv'[number % 2]}/{number % 100}")
    store.bucket.begin("root/u/young").begun = 5e9
    others = [store.bucket.begin(key).key for key in ("root/elsewhere", "u/1")]
    assert len(await driver.abandoned(["/u", "/v"], 4e9, remove=False)) == count
    assert len(store.bucket.uploads) == count + 3
    assert len(await driver.abandoned(["/u", "/v"], 4e9, remove=True)) == count
    assert [one.key for one in store.bucket.uploads.values()] == ["root/u/young", *others]
