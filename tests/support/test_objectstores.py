"""Each object store does what storage drivers ask of it, also through the proxy."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.request import urlopen

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError
from obstore.store import AzureStore, GCSStore, S3Store

from tests.support.objectstores import S3, Azure, Gcs
from tests.support.storeproxy import proxying

if TYPE_CHECKING:
    from obstore.store import ClientConfig

CloudStore = S3Store | AzureStore | GCSStore
CLIENT: ClientConfig = {"allow_http": True}
LARGE = 12 << 20
PART = 5 << 20


@pytest.fixture(params=["moto_store", "rclone_store", "azurite_store", "gcs_store", "fake_gcs_store"])
def store(request: pytest.FixtureRequest) -> Iterator[CloudStore]:
    service: S3 | Azure | Gcs = request.getfixturevalue(request.param)
    with proxying(service.endpoint) as proxy:
        yield client(replace(service, endpoint=proxy.endpoint))
        assert proxy.calls


def client(service: S3 | Azure | Gcs) -> CloudStore:
    if isinstance(service, S3):
        return S3Store(
            service.bucket,
            endpoint=service.endpoint,
            access_key_id=service.access_key,
            secret_access_key=service.secret_key,
            region=service.region,
            client_options=CLIENT,
        )
    if isinstance(service, Azure):
        return AzureStore(
            service.container,
            endpoint=service.endpoint,
            account_name=service.account,
            account_key=service.account_key,
            client_options=CLIENT,
        )
    return GCSStore(
        service.bucket, service_account_key=json.dumps(service.credentials()), client_options=CLIENT
    )


async def content(store: CloudStore, key: str) -> bytes:
    return bytes(await (await obstore.get_async(store, key)).bytes_async())


async def test_what_is_put_is_got_whole_and_in_part(store: CloudStore) -> None:
    data = os.urandom(1000)
    await obstore.put_async(store, "got/_a/B..c", data, use_multipart=False)
    assert await content(store, "got/_a/B..c") == data
    assert bytes(await obstore.get_range_async(store, "got/_a/B..c", start=10, end=20)) == data[10:20]
    assert (await obstore.head_async(store, "got/_a/B..c"))["size"] == 1000
    with pytest.raises(FileNotFoundError):
        await obstore.get_async(store, "got/nothing")


async def test_a_folder_is_listed(store: CloudStore) -> None:
    for key in ("a/c", "a/b/c", "a/b/d", "a-b", "ab"):
        await obstore.put_async(store, f"listed/{key}", b"", use_multipart=False)
    found = await obstore.list_with_delimiter_async(store, "listed/a/")
    assert list(found["common_prefixes"]) == ["listed/a/b"]
    assert [meta["path"] for meta in found["objects"]] == ["listed/a/c"]
    after = [batch async for batch in obstore.list(store, "listed/a/", offset="listed/a/b/c")]
    assert sorted(meta["path"] for batch in after for meta in batch) == ["listed/a/b/d", "listed/a/c"]


async def test_parts_are_joined_and_copied(store: CloudStore) -> None:
    data = os.urandom(LARGE)
    async with obstore.open_writer_async(store, "parts/one", buffer_size=PART) as writer:
        for start in range(0, LARGE, 1 << 20):
            await writer.write(data[start : start + (1 << 20)])
    await obstore.copy_async(store, "parts/one", "parts/two")
    await obstore.delete_async(store, "parts/one")
    assert await content(store, "parts/two") == data
    with pytest.raises(FileNotFoundError):
        await obstore.get_async(store, "parts/one")
    with pytest.raises(FileNotFoundError):
        await obstore.copy_async(store, "parts/one", "parts/three")


# rclone writes all the same.
@pytest.mark.parametrize(
    "store", ["moto_store", "azurite_store", "gcs_store", "fake_gcs_store"], indirect=True
)
async def test_a_put_may_ask_for_nothing_to_be_there(store: CloudStore) -> None:
    await obstore.put_async(store, "once", b"first", use_multipart=False)
    with pytest.raises(AlreadyExistsError):
        await obstore.put_async(store, "once", b"second", mode="create", use_multipart=False)
    assert await content(store, "once") == b"first"


async def test_a_signed_url_gives_the_object(store: CloudStore) -> None:
    await obstore.put_async(store, "signed", b"open", use_multipart=False)
    url = await obstore.sign_async(store, "GET", "signed", timedelta(minutes=5))
    answer = await asyncio.to_thread(lambda: urlopen(url).read())
    assert answer == b"open"
