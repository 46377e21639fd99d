"""What the hot paths cost in system calls: the budget that speed and safety agreed on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from moorage.digest import Digest
from moorage.manifest import parse
from moorage.names import Tag
from moorage.store.layout import blob_data
from moorage.store.registry import Registry
from moorage.store.repository import Repository, Stock
from tests.contracts.disk import Counting, Inline, changes_something
from tests.store.images import image
from tests.store.ledger import Ledger, World

IMAGE, OTHER = image("budget"), image("other")
BLOB = Digest.of(IMAGE.blobs[1])


class Changing(Counting):
    """Counts only what changes something."""

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if changes_something(name, args):
            super().before(name, args)


@pytest.fixture
async def repository(folder: Path, disk: Counting) -> Repository:
    """With an image in it, and the counts at zero."""
    driver = Inline(str(folder / "root"), disk=disk)
    await World(driver, Ledger()).push("team/app", IMAGE, "latest")
    made = Registry(Stock(driver)).repository("team/app")
    await made.manifests.get(await made.tags.resolve(Tag("latest")))
    disk.reset()
    return made


async def test_a_manifest_by_tag_opens_one_file(repository: Repository, disk: Counting) -> None:
    await repository.manifests.get(await repository.tags.resolve(Tag("latest")))
    assert [path.rpartition("/tags/")[2] for path in disk.opened] == ["latest/current/link"]
    assert disk.calls["read"] == disk.calls["close"] == 1
    assert disk.calls["stat"] <= 2
    assert disk.calls.total() <= 7, disk.calls


async def test_a_manifest_by_digest_opens_none(repository: Repository, disk: Counting) -> None:
    await repository.manifests.get(IMAGE.digest)
    assert disk.opened == []
    assert disk.calls.total() <= 4, disk.calls


async def test_asking_for_a_blob_opens_none(repository: Repository, disk: Counting) -> None:
    await repository.blobs.stat(BLOB)
    assert disk.opened == []
    assert disk.calls.total() <= 4, disk.calls


async def test_opening_a_blob_opens_one_file(repository: Repository, disk: Counting) -> None:
    (await repository.blobs.open(BLOB)).close()
    assert len(disk.opened) == 1
    assert disk.calls.total() <= 7, disk.calls


async def test_opening_a_small_blob_again_asks_only_whether_it_is_the_same(
    repository: Repository, disk: Counting, folder: Path
) -> None:
    for path in folder.rglob("data"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    # However it got into memory: not every file system tells what the kernel has at hand.
    await repository.driver.read(blob_data(BLOB))
    await repository.blobs.stat(BLOB)
    disk.reset()
    reader = await repository.blobs.open(BLOB)
    assert reader.data == IMAGE.blobs[1]
    reader.close()
    assert disk.opened == []
    assert disk.calls["stat"] <= 2, "the link and the data"
    assert disk.calls.total() <= 2, disk.calls


async def test_pushing_the_same_manifest_writes_nothing(repository: Repository, disk: Counting) -> None:
    """Its folders are synced all the same: the one who wrote it may not have come to that."""
    found = parse(IMAGE.payload, IMAGE.media_type)
    await repository.manifests.put(found, [IMAGE.digest], [Tag("latest")])
    for name in ("write", "rename", "mkdir", "unlink"):
        assert disk.calls[name] == 0, disk.calls


async def test_pushing_a_manifest_syncs_each_file_and_folder_once(
    repository: Repository, disk: Counting
) -> None:
    world = World(repository.driver, Ledger())
    for blob in OTHER.blobs:
        await world.push_blob("team/app", blob)
    disk.reset()
    found = parse(OTHER.payload, OTHER.media_type)
    await repository.manifests.put(found, [OTHER.digest], [Tag("latest")])
    # The manifest, its revision, the tag's history, the tag; then folders, those of new ones with their parents.
    assert disk.calls["write"] == disk.calls["rename"] == 4
    assert 8 <= disk.calls["fsync"] <= 16, disk.calls


async def test_with_a_journal_a_push_syncs_once_a_request(folder: Path) -> None:
    disk = Counting()
    driver = Inline(str(folder / "root"), disk=disk, journaled=True)
    world = World(driver, Ledger())
    await world.push("team/app", IMAGE, "latest")
    disk.reset()
    await world.push("team/app", OTHER, "v2")
    assert disk.calls["fsync"] == len(OTHER.blobs) + 1, disk.calls
    assert disk.calls["syncfs"] == 0
    assert disk.calls.total() <= 115, disk.calls
    await driver.close()


async def test_pushing_a_blob_syncs_its_bytes_its_name_and_its_link(
    repository: Repository, disk: Counting
) -> None:
    await World(repository.driver, Ledger()).push_blob("team/app", b"a new blob")
    assert disk.calls["write"] == 3, "the session's start, the bytes, the link"
    assert disk.calls["rename"] == 2
    assert disk.calls["listdir"] == 0, "what is left of the session is known"
    assert 4 <= disk.calls["fsync"] <= 10, disk.calls


async def test_going_on_with_an_upload_whose_state_is_known_asks_nothing(
    repository: Repository, disk: Counting
) -> None:
    upload = await repository.uploads.start()
    disk.reset()
    await repository.uploads.resume(upload.id, upload.progress)
    assert disk.calls.total() == 0, disk.calls


async def test_pushing_a_blob_changes_no_more_than_it_must(folder: Path) -> None:
    disk = Changing()
    world = World(Inline(str(folder / "root"), disk=disk), Ledger())
    await world.push_blob("team/app", b"makes the folders that all blobs share")
    disk.reset()
    await world.push_blob("team/app", b"a new blob")
    # Folders of the session, of the blob (two) and of the link; its start, its data twice and the link opened; three
    # written; the blob and the link renamed, the size recorded, the session removed (one try for a file first).
    assert disk.calls.total() <= 17, disk.calls
