"""Operations of a driver are counted, timed, and told from failures."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from moorage import metrics
from moorage.drivers.base import Damaged, PathNotFound, StorageFull
from moorage.drivers.filesystem import FilesystemDriver
from moorage.metrics.operations import NAMES
from tests.contracts.disk import Failing
from tests.metrics.scraped import Page

COUNT = "registry_storage_action_seconds_count"
ERRORS = "registry_storage_errors_total"


async def test_each_operation_is_counted_by_the_name_that_the_reference_gives_it(tmp_path: Path) -> None:
    (tmp_path / "counts").mkdir()
    counts = metrics.Metrics(str(tmp_path / "counts"))
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
    counts.close()


async def test_what_fails_is_counted_as_what_it_is_and_what_is_not_there_is_no_failure(
    tmp_path: Path,
) -> None:
    (tmp_path / "counts").mkdir()
    counts = metrics.Metrics(str(tmp_path / "counts"))
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
    counts.close()
