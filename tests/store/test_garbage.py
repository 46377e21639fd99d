"""What a collection keeps and what it removes, on storage that is whole."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name, Tag, UploadId
from moorage.store import layout
from moorage.store.copying.staged import creation
from moorage.store.garbage.collection import CollectionAborted, collect
from tests.store.images import image, index, noise
from tests.store.shelf import Shelf, referrers_tag

AMD, ARM = image("amd64", layers=2), image("arm64")
LIST = index(AMD, ARM)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(InMemoryDriver())


@pytest.fixture
def disk(tmp_path: Path) -> Shelf:
    return Shelf(FilesystemDriver(str(tmp_path)))


async def test_a_blob_that_no_manifest_names_goes_with_its_link(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    orphan = await shelf.push_blob("a", b"orphan")
    found = await shelf.collect()
    assert found.garbage.blobs == [(orphan, 6)]
    assert found.freed == 6
    assert orphan.hex not in await shelf.blobs() | await shelf.layers("a")
    await shelf.check("a", AMD)


async def test_without_delete_untagged_an_untagged_manifest_stays_whole(shelf: Shelf) -> None:
    await shelf.push("a", AMD)
    await shelf.collect()
    await shelf.check("a", AMD)


async def test_a_deleted_manifest_takes_the_blobs_it_alone_named(shelf: Shelf) -> None:
    shared = noise("shared", 50)
    going, staying = image("going", shared=shared), image("staying", shared=shared)
    await shelf.push("a", going, "going")
    await shelf.push("a", staying, "staying")
    await shelf.registry.repository("a").manifests.delete(going.digest)
    await shelf.collect()
    await shelf.check("a", staying)
    assert len(await shelf.blobs()) == 1 + len(staying.blobs)


async def test_a_link_to_a_blob_that_another_repository_needs_stays(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    layer = await shelf.push_blob("b", AMD.blobs[1])
    orphan = await shelf.push_blob("b", b"orphan")
    await shelf.collect()
    assert await shelf.layers("b") == {layer.hex}, orphan


async def test_a_link_whose_blob_is_gone_already_goes(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    gone = await shelf.push_blob("a", b"gone")
    await shelf.driver.delete(layout.blob_data(gone))
    found = await shelf.collect()
    assert found.garbage.layers == [("a", gone)]
    assert gone.hex not in await shelf.layers("a")


async def test_an_overwritten_tag_leaves_no_history_of_what_went(shelf: Shelf) -> None:
    before, after = image("before"), image("after")
    await shelf.push("a", before, "latest")
    await shelf.push("a", after, "latest")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", after)
    assert not await shelf.has("a", before)
    assert [path async for path in shelf.files() if before.digest.hex in path] == []


# Repositories


async def test_a_repository_without_manifests_leaves_the_catalog_and_the_disk(
    disk: Shelf, tmp_path: Path
) -> None:
    await disk.push("team/app", AMD)
    await disk.push("team/app", ARM, "gone")
    await disk.registry.repository("team/app").tags.delete(Tag("gone"))
    found = await disk.collect(delete_untagged=True)
    assert found.garbage.repositories == ["team/app"]
    assert await disk.catalog() == []
    root = tmp_path / "docker/registry/v2"
    left = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert left == {"blobs", "blobs/sha256", "repositories"}


async def test_a_repository_whose_manifests_were_deleted_leaves_the_catalog(disk: Shelf) -> None:
    await disk.push("a", AMD, "latest")
    await disk.push("a/b", ARM, "latest")
    await disk.registry.repository("a").manifests.delete(AMD.digest)
    assert await disk.catalog() == ["a", "a/b"]
    await disk.collect()
    assert await disk.catalog() == ["a/b"]
    await disk.check("a/b", ARM)


@pytest.mark.parametrize("delete_untagged", [False, True])
async def test_a_repository_with_a_tag_that_leads_nowhere_stays(shelf: Shelf, delete_untagged: bool) -> None:
    await shelf.push("a", AMD, "latest")
    await shelf.driver.delete(layout.revision_link(Name("a"), AMD.digest))
    await shelf.collect(delete_untagged=delete_untagged)
    assert await shelf.catalog() == ["a"]


async def test_uploads_outlive_the_repository_they_are_in(disk: Shelf) -> None:
    await disk.push("a", AMD)
    upload = UploadId.new()
    for path in (layout.upload_data(Name("a"), upload), layout.upload_started(Name("a"), upload)):
        await disk.driver.write([(path, b"begun")])
    await disk.collect(delete_untagged=True)
    assert await disk.catalog() == []
    assert await disk.driver.read(layout.upload_data(Name("a"), upload)) == b"begun"
    assert await disk.driver.read(layout.upload_started(Name("a"), upload)) == b"begun"


async def test_a_link_to_shared_content_outlives_the_manifests_of_its_repository(shelf: Shelf) -> None:
    await shelf.push("a", AMD)
    await shelf.push("b", AMD, "latest")
    await shelf.collect(delete_untagged=True)
    assert await shelf.catalog() == ["b"]
    assert len(await shelf.layers("a")) == len(AMD.blobs)
    await shelf.check("b", AMD)


async def test_after_a_collection_the_same_image_can_be_pushed_again(disk: Shelf) -> None:
    await disk.push("a", LIST, "latest")
    await disk.registry.repository("a").tags.delete(Tag("latest"))
    await disk.collect(delete_untagged=True)
    await disk.push("a", LIST, "latest")
    await disk.check("a", LIST)


async def test_an_empty_storage_has_no_garbage(disk: Shelf, tmp_path: Path) -> None:
    assert (await disk.collect()).counts.blobs == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("empty", [False, True])
async def test_what_a_copy_was_writing_when_it_was_killed_goes(
    disk: Shelf, tmp_path: Path, *, empty: bool
) -> None:
    if not empty:
        await disk.push("a", AMD, "latest")
    begun = await creation(disk.driver, ARM.digest, len(ARM.payload))
    await begun.write([b"half"])
    await begun.flush()
    staged, lines = layout.copying(ARM.digest), list[str]()
    would = await collect(disk.registry, dry_run=True)
    assert would.garbage.copies == [(staged, 4)]
    assert await disk.driver.read(staged) == b"half"
    found = await collect(disk.registry, report=lines.append)
    assert lines == [f"unfinished copy {staged} 4"]
    assert (len(found.garbage.blobs), len(found.garbage.copies), found.freed) == (0, 1, 4)
    assert found.as_dict()["removed_unfinished_copies"] == [staged]
    assert not (tmp_path / "moorage/copying").exists()
    if not empty:
        await disk.check("a", AMD)


# Options


async def test_a_dry_run_tells_the_same_and_changes_nothing(disk: Shelf, tmp_path: Path) -> None:
    await disk.push("a", LIST)
    await disk.push("a", ARM, "arm")
    await disk.push("b", AMD)
    await disk.push("b", index(image("signature", subject=AMD)), referrers_tag(AMD))
    await disk.push_blob("c", b"orphan")
    link = tmp_path / layout.revision_link(Name("a"), ARM.digest).lstrip("/")
    link.write_bytes(b"")
    before = everything_below(tmp_path)
    told = await disk.collect(delete_untagged=True, dry_run=True)
    assert everything_below(tmp_path) == before
    done = await disk.collect(delete_untagged=True)
    assert done.as_dict() == told.as_dict()
    assert done.garbage.tags
    assert done.garbage.repositories == ["b"]


def everything_below(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder, with the moment of its last change."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in (folder, *folder.rglob("*"))
    }


async def test_what_is_younger_than_the_grace_period_stays(disk: Shelf, tmp_path: Path) -> None:
    old, young = await disk.push_blob("a", b"old"), await disk.push_blob("a", b"young")
    await disk.push("b", AMD, "tagged")
    await disk.push("b", LIST)
    long_ago = time.time() - 7200
    for path in (layout.blob_data(old), layout.revision_link(Name("b"), ARM.digest)):
        os.utime(tmp_path / path.lstrip("/"), (long_ago, long_ago))
    await disk.collect(delete_untagged=True, grace=3600)
    assert await disk.layers("a") == {young.hex}
    assert old.hex not in await disk.blobs()
    await disk.check("b", LIST)

    await disk.collect(delete_untagged=True)
    assert young.hex not in await disk.blobs()
    assert not await disk.has("b", LIST)


async def test_what_comes_from_the_future_is_not_young_for_ever(disk: Shelf, tmp_path: Path) -> None:
    """As a wrong clock has dated it. What lies ahead by no more than clocks differ was written just now."""
    wrong, ahead = await disk.push_blob("a", b"wrong"), await disk.push_blob("a", b"ahead")
    await disk.push("b", AMD, "tagged")
    await disk.push("b", ARM)
    dated = {layout.blob_data(wrong): 4e9, layout.revision_link(Name("b"), ARM.digest): 4e9}
    dated |= {layout.blob_data(Digest.of(blob)): 4e9 for blob in (*ARM.blobs, ARM.payload)}
    dated[layout.blob_data(ahead)] = time.time() + 14 * 60
    for path, moment in dated.items():
        os.utime(tmp_path / path.lstrip("/"), (moment, moment))
    found = await disk.collect(delete_untagged=True, grace=10)
    assert {digest for digest, _ in found.garbage.blobs} >= {wrong, ARM.digest}
    assert await disk.layers("a") == {ahead.hex}
    assert await disk.revisions("b") == {AMD.digest.hex}
    await disk.check("b", AMD)


async def test_a_second_collection_at_the_same_time_is_refused(disk: Shelf) -> None:
    orphan = await disk.push_blob("a", b"orphan")
    other = await FilesystemDriver(disk_root(disk)).writer(layout.COLLECTION)
    try:
        with pytest.raises(CollectionAborted, match="another garbage collection is running"):
            await disk.collect()
    finally:
        await other.close()
    assert orphan.hex in await disk.blobs()
    await disk.collect()
    assert orphan.hex not in await disk.blobs()


def disk_root(shelf: Shelf) -> str:
    assert isinstance(shelf.driver, FilesystemDriver)
    return shelf.driver.root
