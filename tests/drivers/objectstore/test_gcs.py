"""What obstore cannot ask of Google is asked in the words of S3, with a token of Google's."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.gcs import GcsOptions, gcs_driver
from tests.drivers.objectstore.instead import Instead, instead
from tests.drivers.objectstore.stores import driver_over
from tests.stores.bucket import Bucket
from tests.support.objectstores import Gcs
from tests.support.storefaults import Fault, Faults
from tests.support.storeproxy import StoreProxy, proxying

TOKEN = b'{"access_token": "issued", "expires_in": 3600, "token_type": "Bearer"}'


@pytest.fixture
def between(gcs_store: Gcs) -> Iterator[StoreProxy]:
    with proxying(gcs_store.endpoint) as started:
        yield started


@pytest.fixture
def bucket(gcs_store: Gcs, tmp_path: Path) -> Bucket:
    return Bucket(gcs_store.as_s3(), f"tests/{tmp_path.name}")


@pytest.fixture
async def driver(gcs_store: Gcs, between: StoreProxy, bucket: Bucket) -> AsyncIterator[ObjectStoreDriver]:
    made = driver_over(gcs_store, bucket.root, endpoint=between.endpoint)
    yield made
    await made.close()


async def test_what_a_killed_writer_left_is_found_and_aborted(
    driver: ObjectStoreDriver, bucket: Bucket
) -> None:
    for name in ("blobs/a", "blobs/b", "other"):
        bucket.begin(name)
    assert await driver.abandoned(["/blobs"], 1.0, remove=True) == []
    found = await driver.abandoned(["/blobs"], 4e9, remove=True)
    assert [name for name, _ in found] == [driver.key("/blobs/a"), driver.key("/blobs/b")]
    assert bucket.unfinished() == ["other"]
    assert await driver.abandoned(["/blobs"], 4e9, remove=True) == []


async def test_foreign_objects_with_names_that_obstore_refuses_are_passed_over(
    driver: ObjectStoreDriver, bucket: Bucket
) -> None:
    for name in ("f//note", "f/../x", "f/bell\x07/x", "f/kept/data"):
        bucket.put(name, b"1")
    assert await driver.children("/f") == ["kept"]
    assert await driver.is_folder("/f")
    await driver.delete("/f")
    assert sorted(bucket.names("f")) == ["f/../x", "f//note", "f/bell\x07/x"]


async def test_the_key_of_the_service_account_signs_the_tokens(
    gcs_store: Gcs, driver: ObjectStoreDriver, between: StoreProxy
) -> None:
    with between.counted() as calls:
        for _ in range(2):
            await driver.abandoned(["/u"], 0.0, remove=False)
    (token,) = {call.head.header("authorization").removeprefix("Bearer ") for call in calls}
    signed = jwt.decode(token, RSAKey.import_key(gcs_store.private_key), algorithms=["RS256"])
    assert signed.claims["iss"] == gcs_store.credentials()["client_email"]
    assert signed.claims["scope"] == "https://www.googleapis.com/auth/devstorage.read_write"
    assert signed.claims["exp"] > time.time() + 600


@pytest.fixture
async def authority(
    gcs_store: Gcs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Instead]:
    """Who gives tokens to the service account that the environment names."""
    answer = Instead(200, TOKEN, "application/json")
    async with instead(answer) as address:
        file = tmp_path / "key.json"
        file.write_text(json.dumps({**gcs_store.credentials(), "token_uri": f"{address}/token"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        yield answer


async def test_without_a_key_the_usual_chain_gives_the_token(
    gcs_store: Gcs, between: StoreProxy, authority: Instead
) -> None:
    driver = gcs_driver(GcsOptions(gcs_store.bucket, endpoint=between.endpoint), links_for=None)
    with between.counted() as calls:
        for _ in range(2):
            await driver.abandoned(["/u"], 0.0, remove=False)
    await driver.close()
    assert [call.head.header("authorization") for call in calls] == ["Bearer issued"] * 4
    assert authority.asked == ["/token"]


async def test_a_token_that_is_refused_is_told_in_one_line(gcs_store: Gcs, authority: Instead) -> None:
    authority.status, authority.body = 400, b'{"error": "invalid_grant", "error_description": "expired"}'
    driver = gcs_driver(GcsOptions(gcs_store.bucket, endpoint=gcs_store.endpoint), links_for=None)
    with pytest.raises(
        DriverError, match=r"^u/: storage\.gcs: no token: [^\n]*invalid_grant: expired[^\n]*$"
    ):
        await driver.abandoned(["/u"], 0.0, remove=False)
    await driver.close()


async def test_a_store_that_fails_now_and_then_is_asked_again(
    driver: ObjectStoreDriver, between: StoreProxy, bucket: Bucket
) -> None:
    bucket.begin("blobs/a")
    between.faults = Faults(0.5, [Fault.SLOW_DOWN, Fault.RESET], seed=3)
    assert len(await driver.abandoned(["/blobs"], 4e9, remove=True)) == 1
    assert bucket.unfinished() == []
