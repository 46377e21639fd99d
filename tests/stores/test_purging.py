"""What was begun and never finished in an object store is found and removed, by one process or by several at once."""

from __future__ import annotations

import asyncio
import datetime
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from moorage.digest import Digest
from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.s3 import s3_driver
from moorage.drivers.objectstore.unfinished import ABORTS_AT_ONCE
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.checking.registry import Rules, check_registry
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.tasks import UploadPurging
from tests.drivers.objectstore.stores import driver_over, s3_options
from tests.stores.server import store_server
from tests.support.dialects import WholeKeys
from tests.support.heads import Head
from tests.support.objectstores import S3, Gcs, moto
from tests.support.storefaults import Faults, Refusal
from tests.support.storeproxy import StoreProxy, proxying

BLOB = "docker/registry/v2/blobs/sha256/ab/abc/data"
OTHERS = ("backups/db.tar", "docker/registry/v2.tar", "docker/mirror/data", "moorage.tar")
"""Names in a bucket that a registry shares."""

NO_AGE = datetime.timedelta(0)
DAY = datetime.timedelta(days=1)


def client(store: S3) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name=store.region,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )


def begin(store: S3, key: str) -> None:
    client(store).create_multipart_upload(Bucket=store.bucket, Key=key)


def unfinished(store: S3, root: str = "") -> list[str]:
    found = client(store).list_multipart_uploads(Bucket=store.bucket, Prefix=f"{root}/" if root else "")
    return [upload["Key"] for upload in found.get("Uploads", ())]


@pytest.mark.parametrize("service", ["moto_store", "gcs_store"])
def test_the_command_finds_what_interrupted_writers_left_and_removes_it(
    service: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store: S3 | Gcs = request.getfixturevalue(service)
    root, other = (f"purging/{secrets.token_hex(6)}" for _ in range(2))
    program, _, config = store_server(tmp_path, store, root=root).command
    bucket = store if isinstance(store, S3) else store.as_s3()
    blob = f"{root}/{BLOB}"
    begin(bucket, blob)
    begin(bucket, f"{other}/{BLOB}")

    def purge(*options: str) -> str:
        done = subprocess.run(
            [program, "purge-uploads", config, *options],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    line, summary = purge("--dry-run").splitlines()
    assert line.startswith(f"multipart upload of {blob}, ")
    assert summary == "0 uploads and 1 multipart upload would be purged"
    assert unfinished(bucket, root) == [blob]
    told = json.loads(purge("--json"))
    assert told["uploads"] == []
    assert [one["object"] for one in told["multipart_uploads"]] == [blob]
    assert unfinished(bucket, root) == []
    assert unfinished(bucket, other) == [f"{other}/{BLOB}"]
    assert purge() == "0 uploads purged\n"


@pytest.mark.parametrize("root", ["", "purging/shared"])
async def test_uploads_of_other_programs_are_neither_told_nor_removed(tmp_path: Path, root: str) -> None:
    """Beside the registry, with or without a root directory of its own; in a bucket that no other test fills."""
    prefix = f"{root}/" if root else ""
    with moto(tmp_path) as store:
        others = [f"{prefix}{key}" for key in OTHERS]
        mine = [f"{prefix}{key}" for key in (BLOB, "moorage/copying/abc/0")]
        for key in (*others, *mine):
            begin(store, key)
        driver = s3_driver(s3_options(store, root), links_for=None)
        # There is something to check.
        await driver.write([(f"/{BLOB}", b"")])
        report = await check_registry(Registry(Stock(driver)), Rules(quick=True))
        told = [one.path for one in report.findings if one.kind == "unfinished-multipart-upload"]
        assert sorted(told) == sorted(mine)
        assert await purging(driver, NO_AGE).purge() == len(mine)
        assert sorted(unfinished(store)) == sorted(others)
        await driver.close()


@pytest.fixture
def minio(moto_store: S3) -> Iterator[StoreProxy]:
    """As MinIO lists."""
    with proxying(moto_store.endpoint, WholeKeys()) as started:
        yield started


async def test_they_are_found_where_uploads_are_listed_for_whole_keys_only(
    moto_store: S3, minio: StoreProxy
) -> None:
    driver = driver_over(moto_store, endpoint=minio.endpoint)
    mine = [driver.key(f"/{key}") for key in (BLOB, "moorage/copying/abc/0")]
    other = driver.key("/mirror/data")
    for key in (other, *mine):
        begin(moto_store, key)
    await driver.write([(f"/{BLOB}", b"")])
    report = await check_registry(Registry(Stock(driver)), Rules(quick=True))
    told = [one.path for one in report.findings if one.kind == "unfinished-multipart-upload"]
    assert sorted(told) == sorted(mine)
    assert await purging(driver, NO_AGE).purge() == len(mine)
    assert unfinished(moto_store, driver.key("/").rstrip("/")) == [other]
    await driver.close()


async def test_who_may_list_uploads_with_its_own_prefix_only_need_not_list_others(
    moto_store: S3, proxy: StoreProxy
) -> None:
    """As a policy with a condition on `s3:prefix` says."""

    class OwnOnly(Faults):
        def refused(self, request: Head) -> Refusal | None:
            denied = "uploads" in request.start[1] and "prefix=&" in f"{request.start[1]}&"
            return Refusal("403 Forbidden", "AccessDenied") if denied else None

    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    proxy.faults = OwnOnly()
    assert await purging(driver, NO_AGE).purge() == 0
    begin(moto_store, driver.key(f"/{BLOB}"))
    assert await purging(driver, NO_AGE).purge() == 1
    proxy.faults = Faults(refusal=Refusal("403 Forbidden", "AccessDenied"))
    with pytest.raises(DriverError, match="access is denied"):
        await driver.abandoned(["/docker"], 0.0, remove=False)
    await driver.close()


class Aborts(Faults):
    """Refuses to abort the uploads of keys that end with `end`."""

    def __init__(self, end: str = "") -> None:
        super().__init__()
        self._end = end

    def refused(self, request: Head) -> Refusal | None:
        method, target, _ = request.start
        denied = method == "DELETE" and "uploadId=" in target and target.partition("?")[0].endswith(self._end)
        return Refusal("403 Forbidden", "AccessDenied") if denied else None


def told(caplog: pytest.LogCaptureFixture, message: str) -> list[tuple[str, str]]:
    """Path and reason of each warning."""
    found = [vars(record) for record in caplog.records if record.message == message]
    return [(one["path"], one["reason"]) for one in found]


STAYS = "an unfinished multipart upload cannot be aborted"


async def test_what_may_not_be_aborted_is_named_and_the_others_are_removed(
    moto_store: S3, proxy: StoreProxy, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    keys = [driver.key(f"/{BLOB}/{name}") for name in ("a", "b", "kept1", "kept", "c", "2/kept")]
    for key in keys:
        begin(moto_store, key)
    proxy.faults = Aborts("kept")
    assert await purging(driver, NO_AGE).purge() == 4
    left = [key for key in keys if key.endswith("kept")]
    assert sorted(unfinished(moto_store, driver.key("/").rstrip("/"))) == sorted(left)
    found = told(caplog, STAYS)
    assert sorted(key for key, _ in found) == sorted(left)
    assert found[0][1].startswith(
        "access is denied (AccessDenied): the credentials need s3:AbortMultipartUpload"
    )
    assert found[1][1] == "access is denied (AccessDenied)"
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [STAYS, STAYS]
    await driver.close()


def test_the_command_fails_when_something_may_not_be_aborted(
    moto_store: S3, proxy: StoreProxy, tmp_path: Path
) -> None:
    root = f"purging/{secrets.token_hex(6)}"
    program, _, config = store_server(
        tmp_path, replace(moto_store, endpoint=proxy.endpoint), root=root
    ).command
    mine = [f"{root}/{key}" for key in (f"{BLOB}/gone", f"{BLOB}/kept", "moorage/copying/abc/0")]
    for key in mine:
        begin(moto_store, key)
    proxy.faults = Aborts("kept")
    done = subprocess.run(
        [program, "purge-uploads", config], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert STAYS in done.stderr
    assert mine[1] in done.stderr
    *lines, summary = done.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"multipart upload of {key}" for key in (mine[0], mine[2])
    ]
    assert summary == "0 uploads and 2 multipart uploads purged; 1 multipart upload could not be aborted"
    assert unfinished(moto_store, root) == [mine[1]]


async def test_where_nothing_may_be_aborted_no_more_is_tried_after_many_refusals(
    moto_store: S3, proxy: StoreProxy, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_over(moto_store, endpoint=proxy.endpoint)
    for number in range(3 * ABORTS_AT_ONCE):
        begin(moto_store, driver.key(f"/{BLOB}/{number}"))
    proxy.faults = Aborts()
    assert await purging(driver, NO_AGE).purge() == 0
    refused = len(told(caplog, STAYS))
    assert ABORTS_AT_ONCE <= refused < 2 * ABORTS_AT_ONCE
    (rest,) = [
        record
        for record in caplog.records
        if record.message == "the other unfinished multipart uploads are left alone"
    ]
    assert vars(rest)["uploads"] == 3 * ABORTS_AT_ONCE - refused
    assert await purging(driver, NO_AGE, dry_run=True).purge() == 3 * ABORTS_AT_ONCE
    await driver.close()


@pytest.fixture
def drivers(moto_store: S3) -> list[ObjectStoreDriver]:
    """Those of two workers."""
    root = f"purging/{secrets.token_hex(6)}"
    return [driver_over(moto_store, root) for _ in range(2)]


def purging(driver: ObjectStoreDriver, age: datetime.timedelta, *, dry_run: bool = False) -> UploadPurging:
    return UploadPurging(Registry(Stock(driver)), age, DAY, dry_run=dry_run)


async def begun(driver: ObjectStoreDriver) -> str:
    """An upload that has a few bytes; where they are."""
    upload = await Registry(Stock(driver)).repository("team/app").uploads.start()
    data = layout.upload_data(Name("team/app"), upload.id)
    writer = await driver.writer(data, mark="0")
    await writer.write([b"begun"])
    await writer.close()
    return data


async def test_workers_that_purge_at_once_do_no_harm(
    moto_store: S3, drivers: list[ObjectStoreDriver]
) -> None:
    first, second = drivers
    for _ in range(20):
        await begun(first)
    for number in range(3):
        begin(moto_store, first.key(f"/{BLOB}/{number}"))
    blob = layout.blob_data(Digest.of(b"a blob"))
    await first.write([(blob, b"a blob")])
    counts = await asyncio.gather(purging(first, NO_AGE).purge(), purging(second, NO_AGE).purge())
    assert sum(counts) >= 20 + 3
    assert await purging(second, NO_AGE, dry_run=True).purge() == 0
    assert await first.read(blob) == b"a blob"
    assert unfinished(moto_store, first.key("/").rstrip("/")) == []


async def test_the_periodic_purge_spares_what_is_young(
    moto_store: S3, drivers: list[ObjectStoreDriver]
) -> None:
    driver = drivers[0]
    data = await begun(driver)
    begin(moto_store, driver.key(f"/{BLOB}"))
    assert await purging(driver, DAY, dry_run=True).purge() == 1
    assert await purging(driver, DAY).purge() == 1, "the imitation tells that it was begun years ago"
    assert (await driver.written(data)).size == len(b"begun")


async def test_an_upload_of_which_only_the_state_of_its_hash_is_left_is_purged(
    drivers: list[ObjectStoreDriver],
) -> None:
    """The reference writes it there; the folder has no time of its own in an object store."""
    driver = drivers[0]
    folder = layout.upload(Name("team/app"), UploadId.new())
    await driver.write([(f"{folder}/hashstates/sha256/0", b"state")])
    assert await purging(driver, DAY).purge() == 0
    assert await driver.is_folder(folder)
    # The clock of the store counts whole seconds.
    assert await purging(driver, -DAY).purge() == 1
    assert not await driver.is_folder(folder)
