"""Operations of a driver are counted, timed, and told from failures."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from moorage import metrics
from moorage.drivers.base import Damaged, DriverError, PathNotFound, StorageFull
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.small import WholeFile
from moorage.metrics.operations import NAMES
from tests.contracts.disk import Failing
from tests.contracts.driver import PROMISES, Promise
from tests.drivers.objectstore.stores import driver_over
from tests.metrics.scraped import Page
from tests.support.objectstores import S3
from tests.support.storefaults import Refusal
from tests.support.storeproxy import StoreProxy

COUNT = "registry_storage_action_seconds_count"
ERRORS = "registry_storage_errors_total"


@pytest.fixture
def counts(tmp_path: Path) -> Iterator[metrics.Metrics]:
    (tmp_path / "counts").mkdir()
    found = metrics.Metrics(str(tmp_path / "counts"))
    yield found
    found.close()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_metered_driver_keeps_every_promise(
    promise: Promise, counts: metrics.Metrics, tmp_path: Path
) -> None:
    driver = counts.metered(FilesystemDriver(str(tmp_path / "root")))
    await promise(driver)
    await driver.close()


async def test_each_operation_is_counted_by_the_name_that_the_reference_gives_it(
    counts: metrics.Metrics, tmp_path: Path
) -> None:
    driver = counts.metered(FilesystemDriver(str(tmp_path / "data")))
    await driver.write([("/a/b", b"content")])
    assert await driver.read("/a/b") == b"content"
    assert (await driver.stat("/a/b")).size == 7
    assert await driver.children("/a") == ["b"]
    await driver.move("/a/b", "/a/c")
    (await driver.open("/a/c", mark="")).close()
    writer = await driver.writer("/a/d")
    await writer.write([b"more"])
    await writer.close()
    await driver.delete("/a/c", durable=False)
    assert await driver.direct("/a/d", "GET", "") is None
    page = Page(counts.page().decode())
    assert page.values(COUNT, "action") == dict.fromkeys(set(NAMES.values()), 1.0)
    assert {sample.labels["driver"] for sample in page.samples if sample.name == COUNT} == {"filesystem"}
    assert page.total(ERRORS) == 0.0
    await driver.close()


async def test_what_fails_is_counted_as_what_it_is_and_what_is_not_there_is_no_failure(
    counts: metrics.Metrics,
    tmp_path: Path,
) -> None:
    disk = Failing(1, errno.ENOSPC, lasts=True)
    driver = counts.metered(FilesystemDriver(str(tmp_path / "data"), disk=disk))
    with pytest.raises(PathNotFound):
        await driver.read("/a")
    writer = await driver.writer("/upload")
    await writer.write([b"12345678"])
    await writer.close()
    await driver.move("/upload", "/a")
    os.truncate(tmp_path / "data/a", 3)
    with pytest.raises(Damaged):
        await driver.stat("/a")
    disk.armed = True
    with pytest.raises(StorageFull):
        await driver.write([("/b", b"x")])
    page = Page(counts.page().decode())
    assert page.total(ERRORS, action="GetContent") == 0.0
    assert page.total(ERRORS, action="Stat", error="Damaged") == 1.0
    assert page.total(ERRORS, action="PutContent", error="StorageFull") == 1.0
    assert page.total(ERRORS) == 2.0
    assert page.total(COUNT, action="Stat") == 1.0, "what failed took its time too"
    await driver.close()


async def test_a_disk_that_fills_during_an_upload_is_counted_once(
    counts: metrics.Metrics, tmp_path: Path
) -> None:
    disk = Failing(1, errno.ENOSPC, lasts=True)
    driver = counts.metered(FilesystemDriver(str(tmp_path / "data"), disk=disk))
    writer = await driver.writer("/upload")
    disk.armed = True
    await writer.write([b"12345678"], ahead=1 << 20)
    for _ in range(2):
        with pytest.raises(StorageFull):
            await writer.flush()
    await writer.close()
    page = Page(counts.page().decode())
    assert page.total(ERRORS, action="Writer", error="StorageFull") == 1.0
    assert page.total(ERRORS) == 1.0
    await driver.close()


async def test_a_file_that_ends_early_while_it_is_read_is_counted(
    counts: metrics.Metrics, tmp_path: Path
) -> None:
    driver = counts.metered(FilesystemDriver(str(tmp_path / "data")))
    await driver.write([("/blob", bytes(1 << 20))])
    reader = await driver.open("/blob")
    stream = reader.stream(0, reader.size, 1 << 16)
    assert await anext(stream) == bytes(1 << 16)
    os.truncate(tmp_path / "data/blob", 1 << 17)
    with pytest.raises(DriverError, match="ends at 131072 of 1048576 bytes"):
        async for _ in stream:
            pass
    reader.close()
    page = Page(counts.page().decode())
    assert page.total(ERRORS, action="Reader", error="DriverError") == 1.0
    assert page.total(ERRORS) == 1.0
    await driver.close()


async def test_a_file_in_memory_is_read_without_a_detour(counts: metrics.Metrics, tmp_path: Path) -> None:
    """Small blobs are most of all requests, and what is in memory does not fail."""
    driver = counts.metered(FilesystemDriver(str(tmp_path / "data")))
    await driver.write([("/blob", b"small")])
    reader = await driver.open("/blob")
    assert reader.data == b"small"
    assert isinstance(reader, WholeFile)
    await driver.close()


async def test_a_blob_that_an_object_store_does_not_take_is_counted_once(
    counts: metrics.Metrics, tmp_path: Path, proxy: StoreProxy, moto_store: S3
) -> None:
    driver = counts.metered(driver_over(replace(moto_store, endpoint=proxy.endpoint)))
    creation = driver.create("/blob", 5)
    assert creation is not None
    proxy.faults.refusal = Refusal("403 Forbidden", "AccessDenied")
    await creation.write([b"bytes"])
    with pytest.raises(DriverError):
        await creation.commit()
    await creation.abort()
    page = Page(counts.page().decode())
    assert page.total(ERRORS, action="Writer") == 1.0
    assert page.total(ERRORS) == 1.0
    await driver.close()
