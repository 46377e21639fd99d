"""Many who ask for manifests at once: each is read and parsed once, and those that wait hold no bytes."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from moorage.digest import Digest
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import ManifestUnknown
from moorage.store import layout
from moorage.store.manifestcache import ManifestCache
from moorage.store.manifests import Manifests
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.store.images import image
from tests.store.shelf import Shelf

SIZE = 1 << 20
MANY = 32


class Gated(InMemoryDriver):
    """Counts reads of content. They wait while the gate is closed, and give what was there when they began."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, path: str) -> bytes:
        if not path.endswith("/data"):
            return await super().read(path)
        self.reads += 1
        found = self._files.get(path)
        data = None if found is None else bytes(found.data)
        await self.gate.wait()
        return await super().read(path) if data is None else data


@pytest.fixture
def driver() -> Gated:
    return Gated()


async def pushed(driver: Gated, seed: str, size: int = SIZE) -> Digest:
    return await Shelf(driver).push("a", image(seed, padding="x" * size))


def remembering_nothing(driver: Gated) -> Manifests:
    return Registry(Stock(driver, cache=ManifestCache(0))).repository("a").manifests


@pytest.mark.parametrize("size", [10, SIZE], ids=["small", "large"])
async def test_a_manifest_is_read_once_for_all_who_ask_at_once(driver: Gated, size: int) -> None:
    digest = await pushed(driver, "one", size)
    manifests = remembering_nothing(driver)
    found = await asyncio.gather(*(manifests.get(digest) for _ in range(MANY)))
    assert {id(one) for one in found} == {id(found[0])}
    assert driver.reads == 1


async def test_large_manifests_that_wait_to_be_parsed_hold_no_memory(driver: Gated) -> None:
    digests = [await pushed(driver, f"{number}") for number in range(MANY)]
    manifests = remembering_nothing(driver)
    lengths: list[int] = []

    async def ask(digest: Digest) -> None:
        lengths.append(len((await manifests.get(digest)).payload))

    tracemalloc.start()
    try:
        await asyncio.gather(*map(ask, digests))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert all(length > SIZE for length in lengths)
    assert len(lengths) == MANY
    assert peak < 12 * SIZE


@pytest.mark.parametrize("size", [10, SIZE], ids=["small", "large"])
async def test_others_get_a_manifest_whose_first_client_has_gone(driver: Gated, size: int) -> None:
    digest = await pushed(driver, "one", size)
    manifests = remembering_nothing(driver)
    driver.gate.clear()
    first, *others = [asyncio.create_task(manifests.get(digest)) for _ in range(3)]
    while not driver.reads:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    driver.gate.set()
    assert [len((await other).payload) > size for other in others] == [True, True]
    assert driver.reads == 1


async def test_a_manifest_that_nobody_waits_for_any_longer_is_not_parsed(driver: Gated) -> None:
    digests = [await pushed(driver, f"{number}") for number in range(MANY)]
    manifests = remembering_nothing(driver)
    asking = [asyncio.create_task(manifests.get(digest)) for digest in digests]
    while driver.reads < MANY:
        await asyncio.sleep(0)
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await manifests.get(digests[0])
    # Those that had to wait would be read once more to be parsed.
    assert driver.reads <= MANY + 2


async def test_who_asks_after_a_repair_does_not_get_what_was_read_before_it(driver: Gated) -> None:
    digest = await pushed(driver, "one", 10)
    data = layout.blob_data(digest)
    payload = await driver.read(data)
    await driver.write([(data, b"damaged")])
    manifests = remembering_nothing(driver)
    driver.gate.clear()
    driver.reads = 0
    before = asyncio.create_task(manifests.get(digest))
    while not driver.reads:
        await asyncio.sleep(0)
    await driver.write([(data, payload)])
    after = asyncio.create_task(manifests.get(digest))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    driver.gate.set()
    with pytest.raises(ManifestUnknown):
        await before
    assert (await after).payload == payload
