"""What is asked at a scrape: collections, queues; and what happens when it cannot be told."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from moorage import metrics
from moorage.drivers.filesystem import FilesystemDriver
from moorage.metrics.collections import KEPT_SECONDS
from moorage.metrics.facts import Queues
from moorage.store import layout
from moorage.store.garbage.history import Collected, collected, note
from tests.metrics.scraped import Page

LAST = "registry_garbage_collection_last_timestamp_seconds"


def facts_of(driver: FilesystemDriver, folder: Path, notifications: Queues | None = None) -> metrics.Facts:
    (folder / "counts").mkdir(exist_ok=True)
    return metrics.Facts(driver, str(folder / "counts"), notifications=notifications)


def age(folder: Path, seconds: float) -> None:
    """Of what the workers know of collections."""
    moment = time.time() - seconds
    os.utime(folder / "counts/collected", (moment, moment))


async def told(facts: metrics.Facts, folder: Path) -> Page:
    counts = metrics.Metrics(str(folder / "counts"))
    page = Page(counts.page(await facts.families()).decode())
    counts.close()
    return page


async def test_collections_add_up_and_are_asked_for_once_a_minute_by_all_workers(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path / "data"))
    workers = [facts_of(driver, tmp_path) for _ in range(2)]
    assert (await told(workers[0], tmp_path)).total(LAST) == 0.0
    await note(driver, seconds=2.5, manifests=1, blobs=2, freed_bytes=300)
    await note(driver, seconds=1.5, manifests=1, blobs=1, freed_bytes=30)
    found = await collected(driver)
    for facts in workers:
        assert (await told(facts, tmp_path)).total(LAST) == 0.0, "the storage was asked again"
    age(tmp_path, KEPT_SECONDS + 1)
    for facts in reversed(workers):
        page = await told(facts, tmp_path)
        assert page.total(LAST) == found.finished > 0.0
        assert page.total("registry_garbage_collection_last_seconds") == 1.5
        assert page.total("registry_garbage_collection_runs_total") == 2.0
        assert page.total("registry_garbage_collection_freed_bytes_total") == 330.0
        assert page.total("registry_garbage_collection_removed_blobs_total") == 3.0
        assert page.total("registry_garbage_collection_removed_manifests_total") == 2.0
    await driver.close()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"runs": 1}', b"\xff"])
async def test_a_damaged_record_of_collections_is_none(tmp_path: Path, content: bytes) -> None:
    driver = FilesystemDriver(str(tmp_path))
    await driver.write([(layout.COLLECTED, content)])
    assert await collected(driver) == Collected()
    await note(driver, seconds=1, manifests=0, blobs=0, freed_bytes=7)
    assert (await collected(driver)).freed_bytes == 7
    await driver.close()


class Broken:
    """A queue on a disk that fails."""

    def facts(self) -> Sequence[Mapping[str, Any]]:
        raise OSError("input/output error")


class Silent(FilesystemDriver):
    """A storage that does not answer while it `hangs`."""

    hangs = False
    asked = 0

    async def read(self, path: str) -> bytes:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return await super().read(path)


async def test_a_storage_that_hangs_leaves_the_totals_that_were_known_and_is_asked_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    driver = Silent(str(tmp_path / "data"))
    await note(driver, seconds=1, manifests=1, blobs=2, freed_bytes=300)
    facts = facts_of(driver, tmp_path)
    await facts.families()
    driver.hangs, driver.asked = True, 0
    age(tmp_path, KEPT_SECONDS + 1)
    for _ in range(3):
        page = await told(facts, tmp_path)
        assert page.total("registry_garbage_collection_freed_bytes_total") == 300.0
    assert driver.asked == 1
    assert [record.__dict__["reason"] for record in caplog.records] == [
        f"{layout.COLLECTED}: no answer in 2 seconds"
    ]
    await driver.close()


async def test_a_storage_that_never_answered_is_left_out_and_asked_once(tmp_path: Path) -> None:
    driver = Silent(str(tmp_path / "data"))
    driver.hangs = True
    facts = facts_of(driver, tmp_path)
    for _ in range(3):
        page = await told(facts, tmp_path)
        assert LAST not in page.text
        assert page.total("registry_build_info") == 1.0
    assert driver.asked == 1
    await driver.close()


class Stuck:
    """A queue on a disk that hangs until it is `mended`."""

    def __init__(self) -> None:
        self.mended = threading.Event()
        self.asked = 0

    def facts(self) -> Sequence[Mapping[str, Any]]:
        self.asked += 1
        self.mended.wait()
        return []


async def test_a_queue_that_hangs_is_left_out_and_takes_one_thread(tmp_path: Path) -> None:
    driver, queue = FilesystemDriver(str(tmp_path / "data")), Stuck()
    facts = facts_of(driver, tmp_path, queue)
    try:
        for families in await asyncio.gather(*(facts.families() for _ in range(3))):
            names = {family.name for family in families}
            assert "registry_garbage_collection_runs" in names
            assert "registry_notifications_events" not in names
        assert queue.asked == 1
    finally:
        queue.mended.set()
    assert "registry_notifications_events" in {family.name for family in await facts.families()}
    await driver.close()


async def test_what_cannot_be_told_is_left_out_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    driver = FilesystemDriver(str(tmp_path / "data"))
    facts = facts_of(driver, tmp_path, Broken())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            page = await told(facts, tmp_path)
            assert page.total("registry_build_info") == 1.0
            assert LAST in page.text
            assert "registry_notifications" not in page.text
    assert [record.__dict__["reason"] for record in caplog.records] == ["input/output error"]
    await driver.close()


def test_a_worker_without_room_for_its_counts_serves_without_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert metrics.build(str(tmp_path / "missing")) is None
    assert [record.message for record in caplog.records] == ["this worker does not count for Prometheus"]
    assert metrics.build("") is None
