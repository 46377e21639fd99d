"""Purging goes on when an upload ends by itself meanwhile: before each question that it asks, in turn."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Awaitable, Callable

from moorage.errors import UploadUnknown
from moorage.store.checking.registry import Rules, check_registry
from moorage.store.purge import purge_uploads
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.store.uploads import Upload
from tests.store.filled import Busy

REPOSITORIES = ("a", "b", "c")
NO_AGE = datetime.timedelta(0)


async def begun(driver: Busy) -> tuple[Registry, dict[str, Upload]]:
    """An upload in each repository. Nothing is left of a folder there once what lay in it is gone, as in object stores."""
    registry = Registry(Stock(driver))
    return registry, {name: await registry.repository(name).uploads.start() for name in REPOSITORIES}


def ending(upload: Upload) -> Callable[[], Awaitable[None]]:
    """Its client cancels it, unless it was purged a moment ago."""

    async def end() -> None:
        with contextlib.suppress(UploadUnknown):
            await upload.cancel()

    return end


async def purged(registry: Registry) -> set[str]:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    return {found.repository async for found in purge_uploads(registry, before=later)}


async def test_the_last_upload_of_a_repository_may_end_at_any_moment() -> None:
    gone_first, at, over = 0, 0, False
    while not over:
        at += 1
        driver = Busy()
        registry, uploads = await begun(driver)
        driver.asked, driver.at, driver.event = 0, at, ending(uploads["b"])
        found = await purged(registry)
        over = driver.event is not None
        assert found | {"b"} == set(REPOSITORIES), at
        gone_first += "b" not in found
        driver.event = None
        assert await purged(registry) == set(), at
    assert 0 < gone_first < at


async def test_a_check_tells_the_other_uploads_when_one_ends_at_any_moment() -> None:
    at, over = 0, False
    while not over:
        at += 1
        driver = Busy()
        registry, uploads = await begun(driver)
        driver.asked, driver.at, driver.event = 0, at, ending(uploads["b"])
        report = await check_registry(registry, Rules(stray=NO_AGE))
        over = driver.event is not None
        assert {one.kind for one in report.findings} == {"stray-upload"}, at
        assert {one.repository for one in report.findings} | {"b"} == set(REPOSITORIES), at
    assert at > 10
