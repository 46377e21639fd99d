"""The sparse bucket gives back what it was given, and refuses what S3 refuses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.contracts.driver import OF_ANY
from tests.drivers.objectstore.stores import driver_over
from tests.support.exchange import Answer, exchange
from tests.support.objectstores import BUCKET
from tests.support.sparse import BATCH, BLOCK, Body, Content, sha256, stamped
from tests.support.sparse_s3 import GIB, MIB, Limits, S3Error, SparseS3
from tests.support.sparse_server import Server, sparse_s3


@pytest.fixture
def store() -> Iterator[Server]:
    with sparse_s3() as started:
        yield started


def asked(store: Server, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return exchange(f"127.0.0.1:{store.server_port}", method, f"/{BUCKET}{target}", body=body, headers=given)


def zeros(size: int) -> Content:
    return Content.of(Body(size))


async def test_a_driver_keeps_its_promises_over_it(store: Server) -> None:
    for promise in OF_ANY:
        driver = driver_over(store.service)
        await promise(driver)
        await driver.close()


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, BATCH - 1, 3 * BATCH + 7])
def test_bytes_come_back_as_they_were(store: Server, size: int) -> None:
    for data in (os.urandom(size), b"".join(stamped(5, 5 + size)), b"\0" * size):
        assert asked(store, "PUT", "/a", data).status == 200
        assert asked(store, "GET", "/a").body == data
        if size:
            part = asked(store, "GET", "/a", range=f"bytes={size // 3}-{size // 2}")
            assert (part.status, part.body) == (206, data[size // 3 : size // 2 + 1])


def test_what_is_cut_and_joined_is_what_it_was() -> None:
    whole = [Content.of(Body(3 * MIB)), Content.of(Body(7))]
    cut = Content.joined(whole).cut(MIB + 1, 3 * MIB + 3)
    assert cut.size == 2 * MIB + 2
    assert sha256(cut.pieces()) == sha256([b"\0" * (2 * MIB + 2)])
    assert sha256(stamped(3, 9_000_000)) == sha256([b"".join(stamped(0, 9_000_000))[3:]])


def test_zeros_take_no_memory() -> None:
    bucket = SparseS3(Limits())
    bucket.put("a", zeros(5 * GIB))
    with pytest.raises(S3Error, match="EntityTooLarge"):
        bucket.put("a", zeros(5 * GIB + 1))


@pytest.mark.parametrize(
    ("sizes", "code"),
    [
        ([5 * MIB, 5 * MIB, 1], ""),
        ([1], ""),
        ([5 * MIB - 1, 5 * MIB - 1], "EntityTooSmall"),
        ([5 * MIB, 6 * MIB, 1], "InvalidPart"),
        ([5 * MIB, 6 * MIB], "InvalidPart"),
    ],
)
def test_parts_have_a_least_and_an_equal_size(sizes: list[int], code: str) -> None:
    bucket = SparseS3(Limits())
    upload = bucket.begin("a")
    parts = [(n, bucket.put_part(upload.name, n, zeros(size)).tag) for n, size in enumerate(sizes, 1)]
    if code:
        with pytest.raises(S3Error, match=code):
            bucket.complete(upload.name, parts)
    else:
        assert bucket.complete(upload.name, parts).content.size == sum(sizes)


def test_no_part_has_a_number_over_ten_thousand() -> None:
    bucket = SparseS3(Limits())
    upload = bucket.begin("a")
    bucket.put_part(upload.name, 10_000, zeros(1))
    with pytest.raises(S3Error, match="InvalidArgument"):
        bucket.put_part(upload.name, 10_001, zeros(1))


def test_copies_end_at_five_gibibytes_and_small_objects_have_no_ranges() -> None:
    bucket = SparseS3(replace(Limits(), sent=6 * GIB))
    bucket.put("large", zeros(5 * GIB + 1))
    bucket.put("small", zeros(5 * MIB))
    upload = bucket.begin("a").name
    with pytest.raises(S3Error, match="InvalidRequest"):
        bucket.copy("large", "b")
    with pytest.raises(S3Error, match="InvalidRequest"):
        bucket.copy_part(upload, 1, "large", None)
    with pytest.raises(S3Error, match="InvalidRequest"):
        bucket.copy_part(upload, 1, "small", (0, 100))
    assert bucket.copy_part(upload, 1, "large", (1, 5 * GIB + 1)).content.size == 5 * GIB


def test_errors_are_told_as_s3_tells_them(store: Server) -> None:
    missing = asked(store, "GET", "/a")
    assert (missing.status, b"<Code>NoSuchKey</Code>" in missing.body) == (404, True)
    unknown = asked(store, "PUT", "/a?partNumber=1&uploadId=x", b"data")
    assert (unknown.status, b"<Code>NoSuchUpload</Code>" in unknown.body) == (404, True)
    assert asked(store, "PUT", "/a", b"1\r\nx\r\n0\r\n\r\n", content_encoding="aws-chunked").status == 501


def test_listings_have_pages(store: Server) -> None:
    store.bucket.limits = replace(Limits(), page=2)
    for name in ("a/1", "a/2", "a/b/3", "c"):
        store.bucket.put(name, zeros(1))
    first = asked(store, "GET", "?list-type=2&prefix=a/&delimiter=/").body
    assert first.count(b"<Contents>") == 2
    assert b"<IsTruncated>true</IsTruncated>" in first
    token = first.partition(b"<NextContinuationToken>")[2].partition(b"<")[0].decode()
    second = asked(store, "GET", f"?list-type=2&prefix=a/&delimiter=/&continuation-token={token}").body
    assert second.count(b"<Prefix>a/b/</Prefix>") == 1
    assert b"<IsTruncated>false</IsTruncated>" in second
