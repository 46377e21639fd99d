"""What the configuration asks of S3 for new objects is in every request that makes one, whichever library sends it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.s3 import S3Options, s3_driver
from tests.drivers.objectstore.stores import DATA, LINKS, s3_options, uploaded
from tests.support.objectstores import S3
from tests.support.storeproxy import Call, StoreProxy

MIB = 1 << 20
ENCRYPTED = "x-amz-server-side-encryption"
ASKED = [
    ({"encrypt": True}, {ENCRYPTED: "AES256"}),
    ({"encrypt": True, "kms_key": "k"}, {ENCRYPTED: "aws:kms", f"{ENCRYPTED}-aws-kms-key-id": "k"}),
    ({"storage_class": "STANDARD_IA"}, {"x-amz-storage-class": "STANDARD_IA"}),
    ({"acl": "public-read"}, {"x-amz-acl": "public-read"}),
]


@pytest.fixture
async def made(
    moto_store: S3, proxy: StoreProxy, request: pytest.FixtureRequest
) -> AsyncIterator[ObjectStoreDriver]:
    options = s3_options(replace(moto_store, endpoint=proxy.endpoint), f"tests/{os.urandom(6).hex()}")
    driver = s3_driver(
        changed(replace(options, copy_bytes=5 * MIB, copy_threshold=5 * MIB), request.param), links_for=LINKS
    )
    yield driver
    await driver.close()


def changed(options: S3Options, more: dict[str, str]) -> S3Options:
    return replace(options, **more)  # type: ignore[arg-type] # names and values of its fields


def makes_an_object(call: Call) -> bool:
    """Parts belong to an object that was asked for before."""
    return (call.method == "PUT" and "partNumber" not in call.query) or call.query.startswith("uploads")


@pytest.mark.parametrize(("made", "headers"), ASKED, indirect=["made"], ids=["sse", "kms", "class", "acl"])
async def test_every_new_object_is_asked_for_with_them(
    made: ObjectStoreDriver, proxy: StoreProxy, headers: dict[str, str]
) -> None:
    with proxy.counted() as calls:
        await made.write([("/a", b"1")])
        await made.write_noted("/b", b"2", b"note")
        for size in (1000, 3 * MIB, 12 * MIB):
            creation = made.create("/c", size)
            assert creation is not None
            await creation.write([bytes(size)])
            await creation.commit()
        for sizes in ((1000,), (3 * MIB,), (12 * MIB,), (1000, 1000), (6 * MIB, 6 * MIB)):
            mark = await uploaded(made, *map(bytes, sizes))
            await made.move(DATA, "/d", mark=mark)
    making = [call for call in calls if makes_an_object(call)]
    assert len(making) > 12
    for call in making:
        assert {name: call.head.header(name) for name in headers} == headers, call


async def test_a_session_token_is_in_every_request(moto_store: S3, proxy: StoreProxy) -> None:
    options = s3_options(replace(moto_store, endpoint=proxy.endpoint), f"tests/{os.urandom(6).hex()}")
    driver = s3_driver(replace(options, session_token="token", acl="public-read"), links_for=LINKS)
    with proxy.counted() as calls:
        await driver.write([("/a", b"1")])
        assert await driver.read("/a") == b"1"
        await driver.abandoned(["/u"], 0.0, remove=False)
    await driver.close()
    assert [call.head.header("x-amz-security-token") for call in calls] == ["token"] * 4
