"""What it costs to look at some referrers out of many: the manifests of those are read, one or a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tracemalloc
from dataclasses import replace

import pytest

from moorage.digest import Digest
from moorage.drivers.base import PathNotFound
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.readonly import ReadOnlyDriver
from moorage.names import Name
from moorage.store import layout
from moorage.store.manifestcache import ManifestCache
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.store.images import image, index
from tests.store.shelf import Shelf, referrers_tag

SUBJECT = image("subject")
MANY = 40
WANTED = "application/vnd.example.wanted"


class Counting(InMemoryDriver):
    """Which blobs were read. `distant` as a driver over a network."""

    def __init__(self, *, distant: bool) -> None:
        super().__init__()
        self.distant = distant
        self.blobs: list[str] = []

    async def read(self, path: str) -> bytes:
        if path.endswith("/data"):
            self.blobs.append(path)
        return await super().read(path)


@pytest.fixture(params=[False, True], ids=["local", "distant"])
def driver(request: pytest.FixtureRequest) -> Counting:
    return Counting(distant=request.param)


async def pushed(driver: Counting, size: int = 10) -> list[Digest]:
    """The referrers in their order, every tenth of them of the type that is wanted; their links are complete."""
    shelf = Shelf(driver)
    for number in range(MANY):
        kind = "application/vnd.example.other" if number % 10 else WANTED
        one = image(f"{number}", subject=SUBJECT, artifactType=kind, annotations={"x": "y" * size})
        await shelf.push("a", one)
    found = await taken(driver, MANY + 1)
    assert len(found) == MANY
    driver.blobs.clear()
    return found


async def taken(driver: Counting, count: int, after: str = "", artifact_type: str = "") -> list[Digest]:
    """As a process that remembers nothing finds them."""
    referrers = Registry(Stock(driver, cache=ManifestCache(0))).repository("a").referrers
    found: list[Digest] = []
    asking = referrers.of(SUBJECT.digest, after=after, artifact_type=artifact_type, most=count)
    async with contextlib.aclosing(asking):
        async for one in asking:
            found.append(Digest(one.digest))
            if len(found) == count:
                break
    return found


async def test_few_manifests_are_read_for_few_referrers(driver: Counting) -> None:
    everything = await pushed(driver)
    assert await taken(driver, 2) == everything[:2]
    assert len(driver.blobs) <= 4


async def test_manifests_of_earlier_pages_are_not_read_again(driver: Counting) -> None:
    everything = await pushed(driver)
    assert await taken(driver, MANY, after=everything[-3]) == everything[-2:]
    assert len(driver.blobs) == 2


async def test_manifests_that_a_filter_passes_over_are_let_go_of() -> None:
    size = 1 << 20
    driver = Counting(distant=False)
    await pushed(driver, size)
    tracemalloc.start()
    try:
        found = await taken(driver, MANY, artifact_type=WANTED)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == MANY // 10
    assert len(driver.blobs) == MANY
    assert peak < 16 * size


async def test_manifests_that_a_filter_passed_over_are_not_read_again(driver: Counting) -> None:
    everything = await pushed(driver)
    referrers = Registry(Stock(driver, cache=ManifestCache(0))).repository("a").referrers
    for reads in (MANY, MANY // 10):
        driver.blobs.clear()
        asking = referrers.of(SUBJECT.digest, artifact_type=WANTED)
        found = [one.digest async for one in asking]
        assert len(driver.blobs) == reads
        assert len(found) == MANY // 10
    assert {Digest(one) for one in found} < set(everything)


async def test_what_a_list_names_without_its_being_a_referrer_is_not_read_again(driver: Counting) -> None:
    shelf = Shelf(driver)
    others = [image(f"{number}", subject=image("other")) for number in range(3)]
    for one in others:
        await shelf.push("a", one, algorithms=("sha512",))
    listing = json.loads(index(*others).payload)
    for entry, one in zip(listing["manifests"], others, strict=True):
        entry["digest"] = one.sha512
    listed = replace(index(), payload=json.dumps(listing).encode())
    await shelf.push_manifest("a", listed, referrers_tag(SUBJECT))
    referrers = Registry(Stock(driver, cache=ManifestCache(0))).repository("a").referrers
    assert [one async for one in referrers.of(SUBJECT.digest)] == []
    driver.blobs.clear()
    assert [one async for one in referrers.of(SUBJECT.digest)] == []
    assert len(driver.blobs) == 1


async def test_where_nothing_may_be_written_only_referrers_are_read_again_and_it_is_told_once(
    driver: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(driver)
    for number in range(MANY):
        await shelf.push("a", image(f"{number}"))
    sought = [await shelf.push("a", image(f"r{number}", subject=SUBJECT)) for number in range(2)]
    with contextlib.suppress(PathNotFound):
        await driver.delete(layout.referrers_complete(Name("a")))
    stock = Stock(ReadOnlyDriver(driver), cache=ManifestCache(0))
    referrers = Registry(stock).repository("a").referrers
    for most in (MANY + 2 * len(sought), 2 * len(sought)):
        driver.blobs.clear()
        assert sorted(sought) == [one.digest async for one in referrers.of(SUBJECT.digest)]
        assert len(driver.blobs) <= most
    assert [record.message for record in caplog.records].count("referrers not kept") == 1


async def test_referrers_are_derived_once_for_all_who_ask_meanwhile_and_leave(driver: Counting) -> None:
    shelf = Shelf(driver)
    sought = [await shelf.push("a", image(f"{number}", subject=SUBJECT)) for number in range(MANY)]
    with contextlib.suppress(PathNotFound):
        await driver.delete(layout.referrers_complete(Name("a")))
    driver.blobs.clear()
    referrers = Registry(Stock(driver, cache=ManifestCache(0))).repository("a").referrers

    async def asked() -> list[str]:
        return [one.digest async for one in referrers.of(SUBJECT.digest)]

    leaving = [asyncio.create_task(asked()) for _ in range(10)]
    while not driver.blobs:
        await asyncio.sleep(0)
    for one in leaving:
        one.cancel()
    await asyncio.wait(leaving)
    assert await asked() == sorted(sought)
    assert len(driver.blobs) <= 2 * MANY, "once to derive them, once to describe them"
