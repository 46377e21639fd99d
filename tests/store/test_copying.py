"""Copies of a registry: whole, repeatable, and the target is consistent at any moment of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.base import DriverError, Writer
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import RegistryError
from moorage.names import Tag, UploadId
from moorage.store import layout
from moorage.store.announcing import announced
from moorage.store.copying.closure import lacking
from moorage.store.copying.registry import CopyRefused, copy_registry
from moorage.store.copying.staged import Staged
from tests.store.filled import (
    AMD,
    ARM,
    LATE,
    LIST,
    STRONG,
    A,
    B,
    Busy,
    content,
    emptied,
    filled,
    flipped,
    real,
    shortened,
    whole,
)
from tests.store.images import Image, index
from tests.store.shelf import Shelf


@pytest.fixture
def source(filled_tree: Path, tmp_path: Path) -> Shelf:
    return Shelf(FilesystemDriver(str(shutil.copytree(filled_tree, tmp_path / "source"))))


@pytest.fixture
def target(tmp_path: Path) -> Shelf:
    return Shelf(FilesystemDriver(str(tmp_path / "target")))


async def test_all_is_copied_and_a_second_copy_sends_nothing(source: Shelf, target: Shelf) -> None:
    await source.driver.write([(layout.upload_data(A, UploadId.new()), b"begun"), (layout.SECRET, b"key")])
    before = content(source)
    found = await copy_registry(source.driver, target.driver)
    assert found.findings == []
    assert (found.repositories, found.tags) == (3, 3)
    await whole(target)
    copied = content(target)
    assert {path for path in before.keys() - copied.keys() if "/_uploads/" not in path} == {layout.SECRET}
    assert copied.keys() - before.keys() == {layout.referrers_complete(name) for name in (A, B)}
    again = await copy_registry(source.driver, target.driver)
    assert (again.blobs, again.size, again.links, again.tags) == (0, 0, 0, 0)
    assert again.blobs_present == found.blobs
    assert content(target) == copied
    assert content(source) == before


class Written(InMemoryDriver):
    """Remembers which files were written."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        for stage in map(dict, stages):
            self.paths += stage
            await super().write(stage.items())


async def test_a_second_copy_asks_the_target_to_write_nothing(source: Shelf) -> None:
    target = Written()
    await copy_registry(source.driver, target)
    assert {layout.alias(Digest.of(blob, "sha512")) for blob in STRONG.blobs} <= set(target.paths)
    target.paths.clear()
    await copy_registry(source.driver, target)
    assert target.paths == []


async def test_what_changed_comes_with_the_next_copy(source: Shelf, target: Shelf) -> None:
    await copy_registry(source.driver, target.driver)
    await source.push("a", LATE, "moved")
    await source.registry.repository("a").tags.delete(Tag("list"))
    found = await copy_registry(source.driver, target.driver)
    assert found.blobs == 1 + len(LATE.blobs)
    assert (found.tags, found.extra_tags) == (1, 1)
    assert await target.registry.repository("a").tags.resolve(Tag("moved")) == LATE.digest
    await target.check("a", LATE)


# Damage


@pytest.mark.parametrize("harm", [emptied, flipped, shortened])
async def test_a_damaged_blob_is_told_and_not_copied_nor_what_needs_it(
    source: Shelf, target: Shelf, harm: Callable[[Path], None]
) -> None:
    bad = Digest.of(AMD.blobs[1])
    harm(real(source, layout.blob_data(bad)))
    found = await copy_registry(source.driver, target.driver)
    told = {(finding.kind, finding.digest) for finding in found.findings}
    assert told == {
        ("damaged-blob", bad),
        *(("manifest-not-copied", digest) for digest in (AMD.digest, LIST.digest)),
        *(("tag-not-copied", digest) for digest in (AMD.digest, LIST.digest)),
    }
    assert bad.hex not in await target.blobs()
    assert await target.tags("a") == []
    await target.check("a", ARM)
    await target.check("b/c", STRONG)
    await source.push("a", AMD)
    assert (await copy_registry(source.driver, target.driver)).findings == []
    await whole(target)


async def test_a_damaged_blob_at_the_target_is_sent_again(source: Shelf, target: Shelf) -> None:
    await copy_registry(source.driver, target.driver)
    shortened(real(target, layout.blob_data(Digest.of(AMD.blobs[1]))))
    assert (await copy_registry(source.driver, target.driver)).blobs == 1
    await whole(target)


@pytest.mark.parametrize("torn", [b"", b"sha256:12"])
async def test_torn_links_are_whole_at_the_target_and_the_source_is_left_alone(
    source: Shelf, target: Shelf, torn: bytes
) -> None:
    for path in (
        layout.layer_link(A, Digest.of(AMD.blobs[0])),
        layout.revision_link(A, ARM.digest),
        layout.tag_link(A, Tag("moved")),
    ):
        real(source, path).write_bytes(torn)
    before = content(source)
    assert (await copy_registry(source.driver, target.driver)).findings == []
    await whole(target)
    assert content(source) == before


async def test_links_that_nothing_can_mend_are_told(source: Shelf, target: Shelf) -> None:
    link = layout.layer_link(B, Digest.of(STRONG.blobs[0], "sha512"))
    real(source, link).write_bytes(b"")
    found = await copy_registry(source.driver, target.driver)
    assert [(finding.kind, finding.path) for finding in found.findings] == [("torn-link", link)]


async def test_a_layer_link_that_a_collection_left_without_its_blob_is_no_fault(
    source: Shelf, target: Shelf
) -> None:
    gone = Digest.of(b"collected")
    await source.driver.write([(layout.layer_link(A, gone), gone.encode())])
    assert (await copy_registry(source.driver, target.driver)).findings == []
    assert gone.hex not in await target.layers("a")
    await whole(target)


async def test_a_tag_that_leads_nowhere_is_told(source: Shelf, target: Shelf) -> None:
    await source.driver.write([(layout.tag_link(A, Tag("lost")), LATE.digest.encode())])
    found = await copy_registry(source.driver, target.driver)
    assert [(one.kind, one.path) for one in found.findings] == [
        ("tag-not-copied", layout.tag_link(A, Tag("lost")))
    ]
    await whole(target)


async def test_what_an_index_names_and_nobody_pushed_does_not_keep_it_back(
    source: Shelf, target: Shelf
) -> None:
    await source.push_manifest("a", index(AMD, LATE), "sparse")
    assert (await copy_registry(source.driver, target.driver)).findings == []
    assert await target.has("a", index(AMD, LATE))


async def test_a_manifest_of_a_format_that_is_not_served_is_copied_with_its_tag(
    source: Shelf, target: Shelf
) -> None:
    old = await source.push_blob("a", b'{"schemaVersion": 1, "name": "a", "fsLayers": []}')
    links = (layout.revision_link(A, old), layout.tag_link(A, Tag("old")))
    await source.driver.write([(path, old.encode()) for path in links])
    assert (await copy_registry(source.driver, target.driver)).findings == []
    assert [await target.driver.read(path) for path in links] == [old.encode()] * 2


def test_what_lacks_something_is_found_through_any_depth() -> None:
    one, two, three, four = (Digest.of(bytes([number])) for number in range(4))
    children = {one: [two], two: [three], four: [three, one]}
    assert lacking(children, [three]) == {three: three, two: three, one: three, four: three}
    assert lacking(children, [two]) == {two: two, one: two, four: two}
    assert lacking(children, []) == {}


# Refusals


async def test_an_empty_source_is_refused(target: Shelf) -> None:
    with pytest.raises(CopyRefused, match="no registry"):
        await copy_registry(InMemoryDriver(), target.driver)


async def test_it_waits_for_no_collection_at_the_target(source: Shelf, target: Shelf) -> None:
    async with announced(target.driver):
        with pytest.raises(CopyRefused, match="garbage collection"):
            await copy_registry(source.driver, target.driver)
    await copy_registry(source.driver, target.driver)
    await whole(target)


# Interruptions, and what happens meanwhile


async def test_a_blob_that_cannot_be_put_in_its_place_leaves_nothing_half_copied(
    source: Shelf, target: Shelf
) -> None:
    blob = Digest.of(AMD.blobs[1])
    in_the_way = layout.blob_data(blob).rpartition("/")[0]
    await target.driver.write([(in_the_way, b"a file where a folder should be")])
    with pytest.raises(DriverError):
        await copy_registry(source.driver, target.driver)
    assert [path async for path in target.files(layout.COPYING)] == []
    await target.driver.delete(in_the_way)
    await copy_registry(source.driver, target.driver)
    await whole(target)


class Slow(FilesystemDriver):
    """Takes its time to open a file that it has made."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.made, self.going_on = asyncio.Event(), asyncio.Event()

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        writer = await super().writer(path, mark=mark, begun=begun)
        self.made.set()
        await self.going_on.wait()
        return writer


async def test_a_copy_that_is_cancelled_while_it_begins_a_blob_leaves_nothing(tmp_path: Path) -> None:
    driver = Slow(tmp_path)
    beginning = asyncio.create_task(Staged.begin(driver, Digest.of(b"x")))
    await asyncio.wait_for(driver.made.wait(), 30)
    beginning.cancel()
    await asyncio.sleep(0)
    driver.going_on.set()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    assert [path async for path in Shelf(driver).files(layout.COPYING)] == []


class Fragile(InMemoryDriver):
    """Does `left` changes; then all fail, as for a process that is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0

    def _change(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise DriverError("", "gone")

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        for stage in stages:
            for file in stage:
                self._change()
                await super().write([file])

    async def move(self, source: str, target: str, *rest: object, **more: object) -> None:
        self._change()
        await super().move(source, target)


async def consistent(shelf: Shelf) -> int:
    """Every tag leads to something whole; how many there are."""
    count = 0
    for name in await shelf.catalog():
        repository = shelf.registry.repository(name)
        for tag in await repository.tags.names():
            await reachable(shelf, name, await repository.tags.resolve(tag))
            count += 1
    return count


async def reachable(shelf: Shelf, name: str, digest: Digest) -> None:
    repository = shelf.registry.repository(name)
    manifest = await repository.manifests.get(digest)
    for descriptor in manifest.blobs:
        blob = await repository.blobs.stat(Digest(descriptor.digest))
        await repository.store.read(blob.digest)
    for child in manifest.manifests:
        await reachable(shelf, name, Digest(child.digest))


async def test_wherever_a_copy_ends_the_target_is_whole_and_the_next_one_goes_on(source: Shelf) -> None:
    changes, finished = 0, False
    while not finished:
        driver = Fragile()
        target = Shelf(driver)
        driver.left = changes
        try:
            await copy_registry(source.driver, driver)
        except DriverError:
            await consistent(target)
            sent = len(await target.blobs())
            driver.left = 1 << 20
            again = await copy_registry(source.driver, driver)
            assert again.blobs_present == sent
        else:
            finished = True
        await whole(target)
        changes += 1
    assert changes > 40


async def pushing(shelf: Shelf) -> None:
    await shelf.push("a", LATE, "late")
    await shelf.push("a", index(AMD, LATE), "list", "another")
    await shelf.push("new", LATE, "first")


async def deleting(shelf: Shelf) -> None:
    for digest in (LIST.digest, AMD.digest):
        await shelf.registry.repository("a").manifests.delete(digest)
    await shelf.collect()


@pytest.mark.parametrize("event", [pushing, deleting])
async def test_whatever_happens_at_the_source_meanwhile_comes_whole_or_with_the_next_copy(
    event: Callable[[Shelf], Awaitable[None]],
) -> None:
    at, over = 0, False
    while not over:
        at += 7
        driver, target = Busy(), Shelf(InMemoryDriver())
        source = await filled(Shelf(driver))
        driver.asked, driver.at = 0, at
        driver.event = lambda source=source: event(source)
        await copy_registry(driver, target.driver)
        over = driver.event is not None
        await consistent(target)
        if event is pushing:
            driver.event = None
            assert (await copy_registry(driver, target.driver)).findings == []
            await consistent(target)
            for name in ("a", "b/c") if over else ("a", "b/c", "new"):
                assert await target.tags(name) == await source.tags(name)
            assert over or await is_whole(target, "a", index(AMD, LATE))
    assert at > 100


async def is_whole(shelf: Shelf, name: str, one: Image) -> bool:
    try:
        await shelf.check(name, one)
    except (RegistryError, AssertionError):
        return False
    return True


async def test_what_was_deleted_in_a_store_does_not_come_back_though_something_lies_beside_its_link() -> None:
    """Old registries keep signatures there; consoles make empty objects for folders."""
    driver = InMemoryDriver()
    driver.distant = True
    source, target = Shelf(driver), Shelf(InMemoryDriver())
    await source.push(A, AMD, "stays")
    await source.push(A, ARM)
    config = Digest.of(ARM.blobs[0])
    await source.registry.repository(A).manifests.delete(ARM.digest)
    await source.registry.repository(A).blobs.delete(config)
    for link in (layout.revision_link(A, ARM.digest), layout.layer_link(A, config)):
        await driver.write([(f"{link.removesuffix('link')}signatures/sha256/{AMD.digest.hex}/link", b"")])
    found = await copy_registry(source.driver, target.driver)
    assert found.findings == []
    await target.check(A, AMD)
    assert await target.revisions(A) == {AMD.digest.hex}
    assert config.hex not in await target.layers(A)
