"""Collections of storage that is not whole: old crashes, lost files, things that nobody put there on purpose.

They finish, warn, and remove nothing that may still be wanted.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage.drivers.filesystem import FilesystemDriver
from moorage.errors import RegistryError
from moorage.names import Name, Tag, UploadId
from moorage.store import layout
from moorage.store.garbage.collection import CollectionAborted
from tests.store.images import Image, image, index
from tests.store.shelf import Shelf

AMD, ARM = image("amd64", layers=2), image("arm64")
LIST = index(AMD, ARM)
A = Name("a")
STRONG = image("strong", layers=2, algorithm="sha512")
BOTH = ("sha256", "sha512")

FLAGS = pytest.mark.parametrize("delete_untagged", [False, True])


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(FilesystemDriver(str(tmp_path)))


def real(shelf: Shelf, path: str) -> Path:
    assert isinstance(shelf.driver, FilesystemDriver)
    return Path(shelf.driver.root + path)


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The paths that warnings told of."""
    return [str(vars(record)["path"]) for record in caplog.records if record.levelname == "WARNING"]


# Links


@FLAGS
@pytest.mark.parametrize("content", [b"", b"sha256:12", b"\xff\xfe\x00"])
async def test_a_torn_link_keeps_what_its_path_tells(
    shelf: Shelf, delete_untagged: bool, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.push("a", LIST, "latest")
    torn = [layout.revision_link(A, image.digest) for image in (AMD, LIST)]
    for path in torn:
        real(shelf, path).write_bytes(content)
    orphan = await shelf.push_blob("a", b"orphan")
    await shelf.collect(delete_untagged=delete_untagged)
    assert sorted(warned(caplog)) == sorted(torn)
    assert orphan.hex not in await shelf.blobs()
    await shelf.check("a", LIST)


async def test_a_torn_layer_link_is_as_good_as_a_whole_one(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    orphan = await shelf.push_blob("a", b"orphan")
    for link in real(shelf, layout.layers(A)).rglob("link"):
        link.write_bytes(b"")
    found = await shelf.collect()
    assert found.garbage.layers == [("a", orphan)]
    await shelf.check("a", AMD)


async def test_a_torn_tag_keeps_all_that_it_ever_named(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", ARM, "latest")
    await shelf.push("a", image("untagged"))
    link = layout.tag_link(A, Tag("latest"))
    real(shelf, link).write_bytes(b"")
    found = await shelf.collect(delete_untagged=True)
    assert warned(caplog) == [link]
    assert len(found.garbage.manifests) == 1
    await shelf.check("a", AMD)
    await shelf.check("a", ARM)


async def test_a_torn_tag_without_a_history_keeps_all_of_its_repository(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", ARM)
    await shelf.push("b", ARM)
    real(shelf, layout.tag_link(A, Tag("latest"))).write_bytes(b"")
    shutil.rmtree(real(shelf, layout.tag_index(A, Tag("latest"))))
    found = await shelf.collect(delete_untagged=True)
    assert found.garbage.manifests == [("b", ARM.digest)]
    await shelf.check("a", AMD)
    await shelf.check("a", ARM)


async def test_a_torn_link_of_another_digest_keeps_all_that_it_may_have_meant(shelf: Shelf) -> None:
    await shelf.push("a", STRONG, "strong", algorithms=BOTH)
    for link in real(shelf, f"{layout.layers(A)}/sha512").rglob("link"):
        link.write_bytes(b"")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", STRONG)


async def test_a_torn_link_of_another_digest_keeps_the_manifests_of_its_repository(shelf: Shelf) -> None:
    await shelf.push("a", AMD, algorithms=BOTH)
    children = [{"mediaType": AMD.media_type, "digest": AMD.sha512, "size": len(AMD.payload)}]
    await shelf.push("a", index(manifests=children), "latest")
    real(shelf, layout.revision_link(A, AMD.sha512)).write_bytes(b"")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", AMD)


# Manifests


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def removed(path: Path) -> None:
    path.unlink()


def removed_with_its_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


@FLAGS
@pytest.mark.parametrize("harm", [emptied, flipped, cut, removed, removed_with_its_folder])
async def test_a_manifest_that_cannot_be_read_keeps_all_of_its_repository(
    shelf: Shelf,
    delete_untagged: bool,
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody can tell any more what it needs. Pushing it again makes it whole, as long as the rest is there."""
    await shelf.push("a", LIST, "latest")
    await shelf.push("b", ARM)
    orphan = await shelf.push_blob("b", b"orphan")
    data = layout.blob_data(LIST.digest)
    harm(real(shelf, data))
    found = await shelf.collect(delete_untagged=delete_untagged)
    assert warned(caplog) == [data]
    assert found.counts.damaged == 1
    assert orphan.hex not in await shelf.blobs()
    assert await shelf.has("b", ARM) is not delete_untagged
    await shelf.push_manifest("a", LIST, "latest")
    await shelf.check("a", LIST)


async def test_a_manifest_of_a_format_that_is_not_served_keeps_its_layers(shelf: Shelf) -> None:
    layer = await shelf.push_blob("a", b"a layer of an old image")
    old = b'{"schemaVersion": 1, "name": "a", "fsLayers": [{"blobSum": "%s"}]}' % layer.encode()
    digest = await shelf.push_blob("b", old)
    await shelf.driver.write([(layout.revision_link(A, digest), digest.encode())])
    found = await shelf.collect()
    assert found.counts.damaged == 1
    assert {digest.hex, layer.hex} <= await shelf.blobs()


async def test_a_deleted_manifest_no_longer_keeps_its_repository(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", ARM)
    removed(real(shelf, layout.blob_data(ARM.digest)))
    await shelf.collect(delete_untagged=True)
    await shelf.registry.repository("a").manifests.delete(ARM.digest)
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", AMD)
    assert len(await shelf.blobs()) == 1 + len(AMD.blobs)


# Tags


@FLAGS
@pytest.mark.parametrize("harm", [removed, removed_with_its_folder])
async def test_a_manifest_that_a_tag_names_without_a_link_is_kept(
    shelf: Shelf, delete_untagged: bool, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Lost, or never written because the manifest was deleted while the tag was pushed."""
    await shelf.push("a", AMD, "latest", "stable")
    await shelf.push("a", ARM, "other")
    orphan = await shelf.push_blob("a", b"orphan")
    harm(real(shelf, layout.revision_link(A, AMD.digest)))
    found = await shelf.collect(delete_untagged=delete_untagged)
    assert len(warned(caplog)) == 1
    assert warned(caplog)[0] in {layout.tag_link(A, Tag(tag)) for tag in ("latest", "stable")}
    assert found.garbage.blobs == [(orphan, 6)]
    await shelf.push_manifest("a", AMD, "latest")
    await shelf.check("a", AMD)


@FLAGS
async def test_a_tag_that_names_by_sha512_and_without_a_link_keeps_all_of_its_repository(
    shelf: Shelf, delete_untagged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing tells where the bytes of its manifest are."""
    await shelf.push("a", STRONG, "strong", algorithms=BOTH)
    await shelf.push("a", ARM)
    await shelf.driver.write([(layout.tag_link(A, Tag("strong")), STRONG.sha512.encode())])
    for digest in (STRONG.digest, STRONG.sha512):
        removed_with_its_folder(real(shelf, layout.revision_link(A, digest)))
    await shelf.collect(delete_untagged=delete_untagged)
    assert warned(caplog) == [layout.tag_link(A, Tag("strong"))]
    await shelf.check("a", ARM)
    await shelf.push_manifest("a", STRONG, "strong", algorithms=BOTH)
    await shelf.check("a", STRONG)


@FLAGS
async def test_a_damaged_manifest_that_a_tag_names_without_a_link_keeps_all_of_its_repository(
    shelf: Shelf, delete_untagged: bool
) -> None:
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", ARM)
    removed(real(shelf, layout.revision_link(A, AMD.digest)))
    flipped(real(shelf, layout.blob_data(AMD.digest)))
    found = await shelf.collect(delete_untagged=delete_untagged)
    assert (found.counts.damaged, found.garbage.blobs, found.garbage.manifests) == (1, [], [])


@FLAGS
async def test_a_tag_whose_manifest_is_gone_with_its_bytes_keeps_nothing_else(
    shelf: Shelf, delete_untagged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", ARM, "other")
    for path in (layout.revision_link(A, AMD.digest), layout.blob_data(AMD.digest)):
        removed(real(shelf, path))
    await shelf.collect(delete_untagged=delete_untagged)
    assert warned(caplog) == []
    assert len(await shelf.blobs()) == 1 + len(ARM.blobs)
    assert await shelf.tags("a") == ["latest", "other"]


# Things of others


async def test_what_is_not_of_the_tree_is_left_alone(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    await shelf.push("a", AMD, "latest")
    strange = [
        f"{layout.REPOSITORIES}/.DS_Store",
        f"{layout.REPOSITORIES}/a/README",
        f"{layout.tags(A)}/.DS_Store",
        f"{layout.revisions(A)}/sha256/not-a-digest",
        f"{layout.layers(A)}/sha256/not-a-digest",
        f"{layout.CANONICAL_BLOBS}/not-a-shard",
        f"{layout.CANONICAL_BLOBS}/ab/not-a-digest/data",
        f"{layout.BLOBS}/md5/00/0000/data",
    ]
    await shelf.driver.write([(path, b"mine") for path in strange])
    await shelf.collect(delete_untagged=True)
    assert [await shelf.driver.read(path) for path in strange] == [b"mine"] * len(strange)
    assert len(warned(caplog)) == len(set(warned(caplog))) > 0
    await shelf.check("a", AMD)


async def test_a_repository_with_strange_things_among_its_manifests_stays(shelf: Shelf) -> None:
    await shelf.push("a", AMD)
    mine = f"{layout.revisions(A)}/sha256/not-a-digest"
    await shelf.driver.write([(mine, b"mine")])
    await shelf.collect(delete_untagged=True)
    assert not await shelf.has("a", AMD)
    assert await shelf.driver.read(mine) == b"mine"


async def test_content_below_a_name_that_no_repository_can_have_is_kept(shelf: Shelf) -> None:
    await shelf.push("a", AMD)
    real(shelf, layout.repository(A)).rename(real(shelf, f"{layout.REPOSITORIES}/Moved-Away"))
    await shelf.collect(delete_untagged=True)
    assert len(await shelf.blobs()) == 1 + len(AMD.blobs)


async def test_uploads_and_hash_states_are_left_alone(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    uploads = [
        layout.upload_data(A, UploadId.new()),
        f"{layout.upload(A, UploadId.new())}/hashstates/sha256/1024",
        layout.upload_started(Name("only/an/upload"), UploadId.new()),
    ]
    await shelf.driver.write([(path, b"1") for path in uploads])
    found = await shelf.collect(delete_untagged=True)
    assert found.warnings == 0
    assert [await shelf.driver.read(path) for path in uploads] == [b"1", b"1", b"1"]


async def test_a_tag_that_never_came_to_be_is_no_tag(shelf: Shelf) -> None:
    await shelf.push("a", AMD, "latest")
    link = layout.tag_index_link(A, Tag("begun"), ARM.digest)
    await shelf.driver.write([(link, ARM.digest.encode())])
    await shelf.push("a", ARM)
    await shelf.collect(delete_untagged=True)
    assert not await shelf.has("a", ARM)
    await shelf.check("a", AMD)


async def test_a_name_that_leads_out_of_the_storage_and_cannot_be_followed_ends_the_collection(
    shelf: Shelf,
) -> None:
    """What it led to may be on a disk that is not mounted."""
    await shelf.push("a", AMD, "latest")
    orphan = await shelf.push_blob("a", b"orphan")
    link = real(shelf, f"{layout.REPOSITORIES}/elsewhere")
    link.symlink_to("/nonexistent/elsewhere")
    with pytest.raises(CollectionAborted, match="elsewhere"):
        await shelf.collect()
    assert orphan.hex in await shelf.blobs()
    link.unlink()
    await shelf.collect()
    assert orphan.hex not in await shelf.blobs()


@pytest.mark.parametrize("seed", range(20))
async def test_after_losing_random_files_all_that_is_still_whole_stays_so(shelf: Shelf, seed: int) -> None:
    chance = random.Random(seed)
    images = [image(f"image {number}", layers=2) for number in range(4)]
    pushed = {
        ("a", "list"): index(*images[:2]),
        ("a", "single"): images[2],
        ("b", "list"): index(images[0], images[3]),
        ("b/c", "single"): AMD,
    }
    for (name, tag), one in pushed.items():
        await shelf.push(name, one, tag)
    files = sorted(path for path in real(shelf, layout.ROOT).rglob("*") if path.is_file())
    for path in chance.sample(files, 5):
        if path.exists():
            chance.choice([emptied, removed, removed_with_its_folder])(path)
    whole = [place for place, one in pushed.items() if await is_whole(shelf, *place, one)]
    await shelf.collect(delete_untagged=seed % 2 == 0)
    for name, tag in whole:
        await shelf.check(name, pushed[name, tag])


async def is_whole(shelf: Shelf, name: str, tag: str, one: Image) -> bool:
    """Its tag is there, if torn, and all that it leads to."""
    try:
        await shelf.check(name, one)
    except (RegistryError, AssertionError):
        return False
    return real(shelf, layout.tag_link(Name(name), Tag(tag))).exists()


@FLAGS
@pytest.mark.parametrize("instead_a_file", [False, True])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_blobs_without_a_folder_of_repositories_end_the_collection(
    shelf: Shelf, delete_untagged: bool, instead_a_file: bool, dry_run: bool
) -> None:
    """A backup that is half restored, or a volume that is not mounted."""
    await shelf.push("a", AMD, "latest")
    repositories, aside = real(shelf, layout.REPOSITORIES), real(shelf, "/aside")
    repositories.rename(aside)
    if instead_a_file:
        repositories.write_bytes(b"")
    with pytest.raises(CollectionAborted, match="repositories is missing"):
        await shelf.collect(delete_untagged=delete_untagged, dry_run=dry_run)
    repositories.unlink(missing_ok=True)
    aside.rename(repositories)
    await shelf.check("a", AMD)


async def test_blobs_are_collected_after_the_last_repository_was_removed(shelf: Shelf) -> None:
    """It leaves the folder of all repositories behind, which may also be made by hand."""
    await shelf.push("a", AMD)
    await shelf.collect(delete_untagged=True)
    await shelf.driver.write([(layout.blob_data(AMD.digest), AMD.payload)])
    found = await shelf.collect()
    assert found.garbage.blobs == [(AMD.digest, len(AMD.payload))]
    assert await shelf.blobs() == set()
