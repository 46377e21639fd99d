"""What a collection costs in calls to the storage: it grows with what is stored, no faster."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

import pytest

from moorage.drivers.base import FileInfo
from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name
from moorage.store import layout
from tests.store.images import Image, image, index
from tests.store.shelf import Shelf


class Counted(InMemoryDriver):
    """Counts calls and remembers what was read and asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.paths: Counter[str] = Counter()

    def _count(self, call: str, path: str) -> None:
        self.calls[call] += 1
        self.paths[path] += 1

    async def read(self, path: str) -> bytes:
        self._count("read", path)
        return await super().read(path)

    async def stat(self, path: str) -> FileInfo:
        self._count("stat", path)
        return await super().stat(path)

    async def children(self, path: str) -> list[str]:
        self._count("children", path)
        return await super().children(path)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        self._count("durable delete" if durable else "delete", path)
        await super().delete(path, durable=durable)

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        self.calls["write"] += 1
        await super().write(*stages)


async def costs(images: int, *, tags_each: int = 1) -> Counter[str]:
    """Of a collection that removes half of the images and keeps the tagged half, in two repositories."""
    driver = Counted()
    shelf = Shelf(driver)
    for number in range(images):
        one = image(f"image {number}")
        tags = [f"tag-{number}-{which}" for which in range(tags_each)] if number % 2 else []
        await shelf.push("ab"[number // 2 % 2], one, *tags)
    driver.calls.clear()
    driver.paths.clear()
    found = await shelf.collect(delete_untagged=True)
    assert len(found.garbage.manifests) == images / 2
    return driver.calls


async def test_the_calls_grow_no_faster_than_the_manifests_and_tags() -> None:
    """A manifest costs a few: its link and its bytes are read, its tag, and the history of that. When it goes, three
    files are looked at, and it, two layer links and three blobs are removed."""
    counts = [await costs(images) for images in (100, 200, 400)]
    for small, large in itertools.pairwise(counts):
        assert large.total() <= 2 * small.total(), f"{small} became {large}"
        for call in ("read", "stat", "children"):
            assert large[call] <= 2 * small[call], f"{call}: {small} became {large}"
    assert (counts[2].total() - counts[1].total()) / 200 <= 14


async def test_tags_cost_one_read_each() -> None:
    few, many = await costs(100), await costs(100, tags_each=11)
    assert many["read"] - few["read"] == 50 * 10


@pytest.mark.parametrize("delete_untagged", [False, True])
async def test_a_manifest_that_only_tags_lead_to_costs_two_reads_whatever_their_number(
    delete_untagged: bool,
) -> None:
    driver = Counted()
    shelf = Shelf(driver)
    one = image("lost")
    await shelf.push("a", one, *(f"tag-{number}" for number in range(20)))
    await driver.delete(layout.revision_link(Name("a"), one.digest))
    driver.calls.clear()
    driver.paths.clear()
    await shelf.collect(delete_untagged=delete_untagged)
    assert driver.calls["read"] == 20 + 2
    assert driver.paths[layout.blob_data(one.digest)] == 2


async def test_nothing_is_asked_of_a_blob_that_stays_but_its_name() -> None:
    driver = Counted()
    shelf = Shelf(driver)
    for number in range(50):
        await shelf.push("a", image(f"image {number}", layers=4), f"tag-{number}")
    manifests = {path async for path in shelf.files(layout.revisions(Name("a")))}
    shards = {path.split("/")[6] async for path in shelf.files(layout.CANONICAL_BLOBS)}
    driver.calls.clear()
    driver.paths.clear()
    await shelf.collect(delete_untagged=True)
    asked = {path: count for path, count in driver.paths.items() if path.startswith(layout.CANONICAL_BLOBS)}
    data = {path for path in asked if path.endswith("/data")}
    assert len(data) == len(manifests) == 50
    assert len(asked) - len(data) == 1 + len(shards)
    assert set(asked.values()) == {1}, "something was asked for twice"
    assert driver.calls["stat"] == 0


async def test_indexes_that_share_all_their_children_are_visited_once_each() -> None:
    """Twenty levels of two indexes that both name both of the level below: a million ways down."""
    driver = Counted()
    shelf = Shelf(driver)
    level: list[Image] = [image("left"), image("right")]
    for one in level:
        await shelf.push("a", one)
    for depth in range(20):
        level = [index(*level, annotations={"depth": str(depth), "side": side}) for side in ("left", "right")]
        for one in level:
            await shelf.push_manifest("a", Image(one.payload, (), (), one.media_type))
    await shelf.push_manifest("a", Image(level[0].payload, (), (), level[0].media_type), "top")
    driver.calls.clear()
    found = await shelf.collect(delete_untagged=True)
    assert found.garbage.manifests == [("a", level[1].digest)]
    assert found.counts.manifests == 42
    assert driver.calls["read"] <= 2 * 42 + 1


@pytest.mark.parametrize("removed", [100, 200])
async def test_removals_are_made_durable_by_folder_not_one_by_one(removed: int) -> None:
    driver = Counted()
    shelf = Shelf(driver)
    for number in range(removed):
        await shelf.push("a", image(f"image {number}"))
    await shelf.push("a", image("kept"), "kept")
    shards = {path.split("/")[6] async for path in shelf.files(layout.CANONICAL_BLOBS)}
    driver.calls.clear()
    found = await shelf.collect(delete_untagged=True)
    assert driver.calls["delete"] > 3 * removed
    # Those of revisions, of layers and of blobs.
    folders = 2 + len({digest.hex[:2] for digest, _ in found.garbage.blobs})
    assert driver.calls["durable delete"] >= folders, "a power cut brings back what leads nowhere"
    assert driver.calls["durable delete"] <= len(shards) + 10
