"""A folder, a pipe or a symbolic link where a file of the tree should be: collections and checks say what it is and where, and remove
nothing that may lead to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.base import Obstructed
from moorage.drivers.filesystem import FilesystemDriver
from moorage.names import Tag
from moorage.store import layout
from moorage.store.checking.registry import Rules, check_registry
from moorage.store.checking.report import CheckReport
from moorage.store.garbage.collection import CollectionAborted
from tests.store.filled import AMD, ARM, A, content, filled, real, whole
from tests.store.shelf import Shelf

LAYER = Digest.of(AMD.blobs[1])
TAG = layout.tag_link(A, Tag("moved"))
REVISION = layout.revision_link(A, AMD.digest)
LINK = layout.layer_link(A, LAYER)
BYTES = layout.blob_data(LAYER)
PAYLOAD = layout.blob_data(AMD.digest)
HISTORY = layout.tag_index_link(A, Tag("moved"), ARM.digest)


@pytest.fixture
def shelf(filled_tree: Path, tmp_path: Path) -> Shelf:
    return Shelf(FilesystemDriver(str(shutil.copytree(filled_tree, tmp_path / "root"))))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "theirs").write_bytes(b"kept")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def moved(path: Path) -> None:
    """To another disk, as one does who is short of room."""
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


OBSTACLES = [(folder, "is a folder"), (pipe, "is a pipe"), (moved, "is a symbolic link")]
PUT = pytest.mark.parametrize(("put", "told"), OBSTACLES)
Put = Callable[[Path], None]


async def check(shelf: Shelf, *, repair: bool = False, quick: bool = False) -> CheckReport:
    return await check_registry(shelf.registry, Rules(repair, quick, -3600.0, notice_seconds=0.0))


@PUT
@pytest.mark.parametrize("place", [TAG, REVISION, PAYLOAD], ids=["tag", "revision", "manifest"])
async def test_a_collection_that_meets_an_obstacle_names_it_and_removes_nothing(
    shelf: Shelf, place: str, put: Put, told: str
) -> None:
    aside = real(shelf, place).read_bytes()
    put(real(shelf, place))
    before = content(shelf)
    with pytest.raises(CollectionAborted, match=f"the storage failed: {place}: {told}"):
        await shelf.collect(delete_untagged=True)
    assert content(shelf) == before
    await shelf.driver.delete(place)
    await shelf.driver.write([(place, aside)])
    await shelf.collect()
    await whole(shelf)


@PUT
async def test_an_obstacle_in_place_of_content_that_nothing_needs_goes_with_it(
    shelf: Shelf, put: Put, told: str
) -> None:
    orphan = await shelf.push_blob("a", b"orphan")
    put(real(shelf, layout.blob_data(orphan)))
    await shelf.collect()
    assert orphan.hex not in await shelf.blobs()
    await whole(shelf)


@PUT
@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize(
    "place",
    [TAG, REVISION, LINK, BYTES, PAYLOAD, HISTORY],
    ids=["tag", "revision", "layer-link", "blob", "manifest", "history"],
)
async def test_a_check_tells_each_obstacle_once_goes_on_and_removes_nothing(
    shelf: Shelf, place: str, quick: bool, repair: bool, put: Put, told: str
) -> None:
    gone = layout.layer_link(A, Digest.of(b"gone"))
    await shelf.driver.write([(gone, Digest.of(b"gone").encode())])
    aside = real(shelf, place).read_bytes()
    put(real(shelf, place))
    report = await check(shelf, repair=repair, quick=quick)
    found = [(one.path, one.detail) for one in report.findings if one.kind == "obstructed-path"]
    if place == HISTORY and quick:
        assert found == []
    else:
        ((path, detail),) = found
        assert path == place
        assert detail.startswith(told)
        assert not report.clean
    repaired = [one.path for one in report.findings if one.repaired]
    assert repaired == ([gone] if repair else [])
    await shelf.driver.delete(place)
    await shelf.driver.write([(place, aside)])
    if not repair:
        await shelf.driver.delete(gone)
    assert (await check(shelf)).findings == []
    await whole(shelf)


@PUT
async def test_a_tag_whose_link_is_no_file_is_listed_and_told_to_who_asks_for_it(
    shelf: Shelf, put: Put, told: str
) -> None:
    put(real(shelf, TAG))
    repository = shelf.registry.repository("a")
    assert await shelf.tags("a") == ["list", "moved"]
    with pytest.raises(Obstructed, match=f"{TAG}: {told}"):
        await repository.tags.resolve(Tag("moved"))
    await repository.tags.delete(Tag("moved"))
    assert await shelf.tags("a") == ["list"]


async def test_a_folder_in_place_of_a_link_whose_path_tells_what_it_held_keeps_nobody_from_pulling(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    folder(real(shelf, LINK))
    assert (await shelf.registry.repository("a").blobs.stat(LAYER)).size == len(AMD.blobs[1])
    (record,) = caplog.records
    assert record.message == "torn link, not repaired"
    assert vars(record)["path"] == LINK
    assert vars(record)["reason"] == f"{LINK}: is a folder where a file should be"


async def test_a_registry_on_other_disks_is_followed_by_its_folders(tmp_path: Path) -> None:
    root, disk = tmp_path / "root", tmp_path / "disk"
    shelf = await filled(Shelf(FilesystemDriver(str(root))))
    disk.mkdir()
    for place in (layout.REPOSITORIES, layout.BLOBS):
        shutil.move(root / place[1:], disk)
        (root / place[1:]).symlink_to(disk / Path(place).name)
    shelf = Shelf(FilesystemDriver(str(root)))
    await whole(shelf)
    await shelf.collect()
    assert (await check(shelf)).findings == []
    await whole(shelf)
