"""Looks into the cache of descriptors are counted under the names of both versions of the reference implementation."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from moorage import metrics
from moorage.digest import Digest
from moorage.store.blobstore import Blob
from moorage.store.descriptors.base import Nothing
from moorage.store.descriptors.circuit import Circuit
from moorage.store.descriptors.memory import MemoryDescriptors
from moorage.store.descriptors.redis import RedisDescriptors
from tests.metrics.scraped import Page
from tests.support.ports import free_port


async def test_hits_and_misses(tmp_path: Path) -> None:
    counts = metrics.Metrics(str(tmp_path))
    descriptors = counts.counted(MemoryDescriptors())
    blob = Blob(Digest.of(b"x"), 1)
    assert await descriptors.get("/link") is None
    await descriptors.put("/link", blob, time.monotonic())
    assert await descriptors.get("/link") == blob
    assert await descriptors.get("/link") == blob
    await descriptors.drop("/link")
    assert await descriptors.get("/link") is None
    page = Page(counts.page().decode())
    assert page.total("registry_storage_cache_requests_total") == 4.0
    assert page.total("registry_storage_cache_hits_total") == 2.0
    assert page.values("registry_storage_cache_total", "type") == {"Request": 4.0, "Hit": 2.0, "Miss": 2.0}
    counts.close()


async def test_where_nothing_is_remembered_nothing_is_missed(tmp_path: Path) -> None:
    counts = metrics.Metrics(str(tmp_path))
    nothing = Nothing()
    assert counts.counted(nothing) is nothing
    counts.close()


async def test_a_cache_that_is_out_of_reach_is_counted(tmp_path: Path) -> None:
    counts = metrics.Metrics(str(tmp_path))
    client = Redis(port=free_port(), retry=Retry(NoBackoff(), 0))
    descriptors = counts.counted(RedisDescriptors(client, circuit=Circuit(shortest=0.01)))
    async with asyncio.timeout(30):
        while Page(counts.page().decode()).total("registry_storage_cache_errors_total") < 2.0:
            assert await descriptors.get("/link") is None
            await asyncio.sleep(0.01)
    await descriptors.close()
    counts.close()
