"""Which manifests stay when untagged ones go: indexes, referrers, and other digests than sha256."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name, Tag
from moorage.store import layout
from tests.store.images import Image, image, index
from tests.store.shelf import Shelf, referrers_tag

AMD, ARM = image("amd64", layers=2), image("arm64")
LIST = index(AMD, ARM)
BOTH = ("sha256", "sha512")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(InMemoryDriver())


@pytest.fixture
def disk(tmp_path: Path) -> Shelf:
    return Shelf(FilesystemDriver(str(tmp_path)))


# Images of several platforms


async def test_the_untagged_children_of_a_tagged_index_stay(shelf: Shelf) -> None:
    await shelf.push("a", LIST, "latest")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", LIST)


async def test_an_untagged_index_goes_with_its_untagged_children(shelf: Shelf) -> None:
    await shelf.push("a", LIST)
    found = await shelf.collect(delete_untagged=True)
    assert {digest for _, digest in found.garbage.manifests} == {AMD.digest, ARM.digest, LIST.digest}
    assert await shelf.blobs() == set()


async def test_a_tagged_child_of_an_untagged_index_stays_without_it(shelf: Shelf) -> None:
    await shelf.push("a", LIST)
    await shelf.push_manifest("a", ARM, "arm")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", ARM)
    assert not await shelf.has("a", LIST)
    assert not await shelf.has("a", AMD)


@pytest.mark.parametrize("delete_untagged", [False, True])
async def test_a_tagged_index_with_a_deleted_child_keeps_the_others(
    shelf: Shelf, delete_untagged: bool
) -> None:
    await shelf.push("a", LIST, "latest")
    await shelf.registry.repository("a").manifests.delete(ARM.digest)
    found = await shelf.collect(delete_untagged=delete_untagged)
    await shelf.check("a", AMD)
    assert await shelf.has("a", LIST)
    assert found.warnings == 0


async def test_a_child_that_two_indexes_share_lives_as_long_as_one_of_them(shelf: Shelf) -> None:
    other = index(ARM, annotations={"of": "another"})
    await shelf.push("a", LIST)
    await shelf.push("a", other, "other")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", other)
    assert not await shelf.has("a", AMD)


async def test_nested_indexes_are_followed_to_the_end(shelf: Shelf) -> None:
    nested = index(index(index(LIST), annotations={"depth": "2"}), image("beside"))
    await shelf.push("a", nested, "nested")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", nested)


async def test_a_child_deleted_in_one_repository_stays_whole_in_another(shelf: Shelf) -> None:
    await shelf.push("a/x", LIST, "v1")
    await shelf.push("b/x", LIST, "v1")
    await shelf.registry.repository("a/x").manifests.delete(ARM.digest)
    await shelf.collect(delete_untagged=True)
    await shelf.check("b/x", LIST)
    await shelf.check("a/x", AMD)


async def test_an_index_in_one_repository_does_not_keep_the_manifests_of_another(shelf: Shelf) -> None:
    await shelf.push("a", AMD)
    await shelf.push("b", LIST, "latest")
    await shelf.collect(delete_untagged=True)
    await shelf.check("b", LIST)
    assert not await shelf.has("a", AMD)


# Referrers


async def test_referrers_live_as_long_as_their_subject(shelf: Shelf) -> None:
    signature = image("signature", subject=AMD)
    about_it = image("attestation", subject=signature)
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", signature)
    await shelf.push("a", about_it)
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", about_it)
    listed = shelf.registry.repository("a").referrers.of(AMD.digest)
    assert [entry.digest async for entry in listed] == [signature.digest]

    await shelf.registry.repository("a").tags.delete(Tag("latest"))
    await shelf.collect(delete_untagged=True)
    assert await shelf.blobs() == set()
    assert [path async for path in shelf.files() if "_referrers" in path] == []


@pytest.mark.parametrize("algorithm", BOTH)
async def test_referrers_stay_by_whatever_digest_they_name_their_subject(
    shelf: Shelf, algorithm: str
) -> None:
    await shelf.push("a", AMD, "latest", algorithms=BOTH)
    signature = image("signature", subject=AMD, subject_algorithm=algorithm)
    await shelf.push("a", signature)
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", signature)


async def test_a_referrer_that_goes_is_listed_no_more(disk: Shelf) -> None:
    await disk.push("a", ARM, "kept")
    await disk.push("a", image("kept signature", subject=ARM))
    await disk.push("a", image("signature", subject=AMD))
    await disk.collect(delete_untagged=True)
    subjects = await disk.driver.children(f"{layout.referrers(Name('a'))}/sha256")
    assert subjects == [ARM.digest.hex]


async def test_the_referrers_of_a_child_of_a_kept_index_stay(shelf: Shelf) -> None:
    signature = image("signature", subject=ARM)
    await shelf.push("a", signature)
    await shelf.push("a", LIST, "latest")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", signature)


async def test_a_tagged_referrer_stays_listed_when_its_subject_goes(shelf: Shelf) -> None:
    signature = image("signature", subject=AMD)
    await shelf.push("a", AMD)
    await shelf.push("a", signature, "signature")
    await shelf.collect(delete_untagged=True)
    assert not await shelf.has("a", AMD)
    await shelf.check("a", signature)
    listed = shelf.registry.repository("a").referrers.of(AMD.digest)
    assert [entry.digest async for entry in listed] == [signature.digest]


async def test_a_referrers_tag_goes_when_its_subject_goes(shelf: Shelf) -> None:
    listing = index(image("signature", subject=AMD))
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", listing, referrers_tag(AMD))
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", listing)
    await shelf.check("a", AMD)

    await shelf.registry.repository("a").tags.delete(Tag("latest"))
    found = await shelf.collect(delete_untagged=True)
    assert found.garbage.tags == [("a", referrers_tag(AMD))]
    assert await shelf.blobs() == set()


async def test_a_referrers_tag_stays_without_delete_untagged(shelf: Shelf) -> None:
    listing = index(image("signature", subject=AMD))
    await shelf.push("a", AMD, "latest")
    await shelf.push("a", listing, referrers_tag(AMD))
    await shelf.registry.repository("a").manifests.delete(AMD.digest)
    await shelf.collect()
    assert await shelf.tags("a") == [referrers_tag(AMD)]
    await shelf.check("a", listing)


async def test_a_referrers_tag_goes_when_its_subject_was_deleted_before(disk: Shelf) -> None:
    await disk.push("a", AMD, "latest")
    await disk.push("a", ARM, "other")
    await disk.push("a", index(image("signature", subject=AMD)), referrers_tag(AMD))
    await disk.registry.repository("a").manifests.delete(AMD.digest)
    await disk.collect(delete_untagged=True)
    assert await disk.tags("a") == ["other"]
    await disk.check("a", ARM)


async def test_a_referrers_tag_of_a_subject_that_was_never_here_stays(disk: Shelf) -> None:
    """Signatures may be kept in a repository of their own, apart from the images."""
    listing = index(image("signature", subject=AMD))
    await disk.push("signatures", listing, referrers_tag(AMD))
    await disk.collect(delete_untagged=True)
    await disk.check("signatures", listing)


@pytest.mark.parametrize("pinned", [AMD, LIST])
async def test_an_image_tagged_with_its_own_digest_stays(shelf: Shelf, pinned: Image) -> None:
    await shelf.push("a", pinned, referrers_tag(pinned))
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", pinned)


async def test_a_tag_like_a_digest_that_names_an_image_is_a_tag_like_any_other(shelf: Shelf) -> None:
    await shelf.push("a", AMD)
    await shelf.push("a", ARM, referrers_tag(AMD))
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", ARM)
    assert not await shelf.has("a", AMD)


# Other digests than sha256


@pytest.mark.parametrize("delete_untagged", [False, True])
async def test_content_named_by_sha512_is_kept(shelf: Shelf, delete_untagged: bool) -> None:
    strong = image("strong", layers=2, algorithm="sha512")
    await shelf.push("a", strong, "strong", algorithms=BOTH)
    orphan = await shelf.push_blob("a", b"orphan", BOTH)
    found = await shelf.collect(delete_untagged=delete_untagged)
    await shelf.check("a", strong)
    for blob in strong.blobs:
        await shelf.registry.repository("a").blobs.stat(Digest.of(blob, "sha512"))
    assert {digest.algorithm for _, digest in found.garbage.layers} == set(BOTH)
    assert found.garbage.blobs == [(orphan, 6)]


async def test_an_untagged_manifest_goes_with_its_other_digests(disk: Shelf) -> None:
    await disk.push("a", AMD, algorithms=BOTH)
    await disk.push("a", ARM, "latest")
    await disk.collect(delete_untagged=True)
    left = [path async for path in disk.files(layout.revisions(Name("a")))]
    assert left == [layout.revision_link(Name("a"), ARM.digest)]


async def test_an_index_keeps_children_that_it_names_by_sha512(shelf: Shelf) -> None:
    children = [
        {"mediaType": AMD.media_type, "digest": AMD.sha512, "size": len(AMD.payload)},
    ]
    await shelf.push("a", AMD, algorithms=BOTH)
    await shelf.push("a", index(manifests=children), "latest")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", AMD)
