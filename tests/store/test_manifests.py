"""Manifests of a repository: what other programs stored is served, what others push meanwhile is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from moorage.digest import Digest
from moorage.drivers.base import Driver, Matches
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import ManifestInvalid, ManifestUnknown, NameUnknown
from moorage.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, parse
from moorage.names import Name, Tag
from moorage.store import layout
from tests.drivers.objectstore.stores import driver_over
from tests.store.images import CONFIG, LAYER, Image, descriptor, image, index, noise
from tests.store.shelf import Shelf

A = Name("a")
LAST = b"the layer that only one spelling names"
FIRST, SECOND = image("first"), image("second")


def text(**members: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, **members}).encode()


def of_image(media_type: str = OCI_MANIFEST, **members: Any) -> bytes:
    return text(**{"mediaType": media_type, "config": descriptor(b"{}", CONFIG), "layers": [], **members})


def with_more(payload: bytes, more: bytes) -> bytes:
    return payload[:-1] + b", " + more + b"}"


NO_SIZE = {"mediaType": LAYER, "digest": Digest.of(b"{}")}
DEEP = b'"x": ' + b"[" * 5_000 + b"]" * 5_000

# Each of them is taken, and served with this type, by version 2.8 of the reference.
STORED: dict[str, tuple[bytes, str]] = {
    "negative-size": (of_image(layers=[{**NO_SIZE, "size": -1}]), OCI_MANIFEST),
    "odd-subject": (of_image(subject="x"), OCI_MANIFEST),
    "odd-artifact-type": (of_image(artifactType=7), OCI_MANIFEST),
    "odd-annotations": (of_image(DOCKER_MANIFEST, annotations={"a": 1}), DOCKER_MANIFEST),
    "schema-1-member": (of_image(DOCKER_MANIFEST, fsLayers=[]), DOCKER_MANIFEST),
    "twice": (with_more(of_image(), b'"x": {"a": 1, "a": 2}'), OCI_MANIFEST),
    "other-spelling": (of_image().replace(b'"layers"', b'"Layers"'), OCI_MANIFEST),
    "other-spelling-of-the-type": (of_image().replace(b'"mediaType"', b'"MEDIATYPE"', 1), OCI_MANIFEST),
    "escaped-spelling": (
        with_more(of_image().replace(b'"mediaType"', b'"media\\u0054ype"', 1), b'"x": 1, "x": 2'),
        OCI_MANIFEST,
    ),
    "no-text": (with_more(of_image(), b'"x": "\xff"'), OCI_MANIFEST),
    "half-a-pair": (with_more(of_image(), rb'"x": "\ud800"'), OCI_MANIFEST),
    "quotes": (with_more(of_image(), rb'"x": "\\\"mediaType\":\"", "y": ["mediaType", "]"], "x" : "}"'), OCI_MANIFEST),
    "deep": (with_more(of_image(), DEEP), OCI_MANIFEST),
    "untyped": (with_more(text(config=descriptor(b"{}", CONFIG)), b'"x": 1, "x": 2'), OCI_MANIFEST),
    "untyped-null-type": (with_more(text(mediaType=None, layers=None), b'"x": 1, "x": 2'), OCI_MANIFEST),
    "untyped-nothing": (text(), OCI_MANIFEST),
    "empty-type-nothing": (text(mediaType=""), OCI_MANIFEST),
    "untyped-index": (with_more(text(manifests=[]), b'"x": 1, "x": 2'), OCI_INDEX),
    "list-with-layers": (text(mediaType=DOCKER_LIST, manifests=[], layers=[]), DOCKER_LIST),
    "spaces": (b" \n" + with_more(of_image(), b'"x": 1 ,\t"x":\n2 ') + b"\r\n ", OCI_MANIFEST),
}  # fmt: skip

NO_MANIFESTS: dict[str, bytes] = {
    "no-json": b"a layer",
    "no-object": b"[]",
    "nothing": b" ",
    "null": b"null",
    "text": b'"schemaVersion"',
    "schema-1": text(mediaType=OCI_MANIFEST).replace(b"2", b"1", 1),
    "no-version": b"{}",
    "a-number-as-type": text(mediaType=7),
    "another-type": text(mediaType="application/vnd.example+json"),
    "two-objects": of_image() + b"{}",
    "not-closed": of_image()[:-1],
    "closed-twice": of_image() + b"}",
    "text-not-closed": of_image()[:-1] + b', "x": "' + b'\\"' * 200_000,
}


async def lay(shelf: Shelf, payload: bytes, tag: str) -> Digest:
    """What the reference leaves of a push."""
    digest = Digest.of(payload)
    link = digest.encode()
    files = [(layout.blob_data(digest), payload), (layout.revision_link(A, digest), link)]
    files += [(layout.tag_index_link(A, Tag(tag), digest), link), (layout.tag_link(A, Tag(tag)), link)]
    await shelf.driver.write(files)
    return digest


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(InMemoryDriver())


@pytest.mark.parametrize("kind", STORED)
async def test_what_the_reference_stored_is_served_byte_for_byte_although_it_would_be_refused(
    shelf: Shelf, kind: str
) -> None:
    payload, media_type = STORED[kind]
    with pytest.raises(ManifestInvalid):
        parse(payload, media_type)
    digest = await lay(shelf, payload, "tag")
    manifests = shelf.registry.repository("a").manifests
    for _ in range(2):
        named, found = await manifests.tagged(Tag("tag"))
        assert (named, found.payload, found.media_type) == (digest, payload, media_type)
    assert (await manifests.get(digest)).payload == payload


@pytest.mark.parametrize("kind", NO_MANIFESTS)
async def test_what_is_no_manifest_is_not_served(shelf: Shelf, kind: str) -> None:
    await lay(shelf, NO_MANIFESTS[kind], "tag")
    with pytest.raises(ManifestUnknown):
        await shelf.registry.repository("a").manifests.tagged(Tag("tag"))


async def test_a_large_manifest_is_served_like_a_small_one(shelf: Shelf) -> None:
    for number, more in enumerate((b'"x": 1', b'"x": 1, "x": 2')):
        payload = with_more(of_image(), b'"y": "%s", ' % (b"y" * 400_000) + more)
        await lay(shelf, payload, f"t{number}")
        _, found = await shelf.registry.repository("a").manifests.tagged(Tag(f"t{number}"))
        assert (found.payload, found.media_type) == (payload, OCI_MANIFEST)
    await lay(shelf, b"[%s]" % (b"1," * 400_000), "none")
    with pytest.raises(ManifestUnknown):
        await shelf.registry.repository("a").manifests.tagged(Tag("none"))


async def test_an_image_may_be_a_child_however_it_was_stored(shelf: Shelf) -> None:
    digest = await lay(shelf, STORED["twice"][0], "tag")
    manifests = shelf.registry.repository("a").manifests
    assert await manifests.exists(digest, prove=True)
    assert await manifests.delete(digest) == ["tag"]
    assert not await manifests.exists(digest)


# Garbage


@pytest.mark.parametrize("layers", [None, "absent"])
@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
async def test_an_image_without_a_list_of_layers_is_whole(
    shelf: Shelf, media_type: str, layers: str | None
) -> None:
    members = {} if layers else {"layers": None}
    payload = text(mediaType=media_type, config=descriptor(b"{}", CONFIG), **members)
    config = await shelf.push_blob("a", b"{}")
    orphan = await shelf.push_blob("a", b"orphan")
    digest = await lay(shelf, payload, "tag")
    found = await shelf.collect(delete_untagged=True)
    assert found.counts.damaged == 0
    assert await shelf.blobs() == {config.hex, digest.hex}
    assert orphan.hex not in await shelf.blobs()
    assert (await shelf.registry.repository("a").manifests.get(digest)).media_type == media_type


NULL: dict[str, dict[str, Any]] = {
    "size": {"layers": [{**NO_SIZE, "size": None}]},
    "media-type": {"layers": [{**NO_SIZE, "mediaType": None}]},
    "url": {"layers": [{**NO_SIZE, "urls": [None]}]},
    "annotation": {"annotations": {"a": None}},
    "annotation-of-a-layer": {"layers": [{**NO_SIZE, "annotations": {"a": None}}]},
}


@pytest.mark.parametrize("kind", NULL)
async def test_null_for_an_empty_value_keeps_no_garbage_and_loses_no_referrer(
    shelf: Shelf, kind: str
) -> None:
    await shelf.push("a", FIRST, "first")
    await shelf.push_blob("a", b"{}")
    orphan = await shelf.push_blob("a", b"orphan")
    digest = await lay(shelf, of_image(subject=descriptor(FIRST.payload, OCI_MANIFEST), **NULL[kind]), "tag")
    found = await shelf.collect(delete_untagged=True)
    assert found.counts.damaged == 0
    assert orphan.hex not in await shelf.blobs()
    listed = shelf.registry.repository("a").referrers.of(FIRST.digest)
    assert [one.digest async for one in listed] == [digest]


@pytest.mark.parametrize("members", [{"size": 2**63}, {"platform": {"os": ["x"]}}])
async def test_what_go_cannot_hold_is_not_taken_and_keeps_no_garbage_where_it_is_stored(
    shelf: Shelf, members: dict[str, Any]
) -> None:
    await shelf.push("a", FIRST)
    child = {**descriptor(FIRST.payload, OCI_MANIFEST), **members}
    payload = text(mediaType=OCI_INDEX, manifests=[child])
    with pytest.raises(ManifestInvalid):
        await shelf.push_manifest("a", Image(payload, (), (), OCI_INDEX), "tag")
    assert await shelf.tags("a") == []
    orphan = await shelf.push_blob("a", b"orphan")
    digest = await lay(shelf, payload, "tag")
    await shelf.collect(delete_untagged=True)
    assert orphan.hex not in await shelf.blobs()
    await shelf.check("a", FIRST)
    assert (await shelf.registry.repository("a").manifests.get(digest)).payload == payload


@pytest.mark.parametrize("spelling", ["Layers", "LAYERS", "layer\u017f"])
@pytest.mark.parametrize("beside", [{}, {"layers": None}, {"layers": []}])
async def test_layers_that_only_other_readers_see_are_kept(
    shelf: Shelf, spelling: str, beside: dict[str, Any]
) -> None:
    """Go, and so the reference and most clients, takes any case of a name, and the long s for an s."""
    members = {**beside, spelling: [descriptor(LAST, LAYER)]}
    payload = text(mediaType=OCI_MANIFEST, config=descriptor(b"{}", CONFIG), **members)
    await shelf.push_blob("a", b"{}")
    layer = await shelf.push_blob("a", LAST)
    digest = await lay(shelf, payload, "tag")
    for delete_untagged in (False, True):
        await shelf.collect(delete_untagged=delete_untagged)
        assert {digest.hex, layer.hex} <= await shelf.blobs()
    assert (await shelf.registry.repository("a").manifests.get(digest)).payload == payload


async def test_a_digest_that_only_other_readers_see_is_kept(shelf: Shelf) -> None:
    entry = {**descriptor(b"{}", LAYER), "Digest": Digest.of(LAST)}
    await shelf.push_blob("a", b"{}")
    layer = await shelf.push_blob("a", LAST)
    for tag, payload in (
        ("layer", of_image(layers=[entry])),
        ("config", of_image(config=entry)),
    ):
        await lay(shelf, payload, tag)
        await shelf.collect(delete_untagged=True)
        assert layer.hex in await shelf.blobs()


async def test_children_that_only_other_readers_see_are_kept(shelf: Shelf) -> None:
    await shelf.push("a", FIRST)
    child = [descriptor(FIRST.payload, OCI_MANIFEST)]
    await lay(shelf, text(mediaType=OCI_INDEX, manifests=None, Manifests=child), "tag")
    await shelf.collect(delete_untagged=True)
    await shelf.check("a", FIRST)


@pytest.mark.parametrize("kind", STORED)
async def test_what_cannot_be_read_strictly_keeps_its_repository(shelf: Shelf, kind: str) -> None:
    await lay(shelf, STORED[kind][0], "tag")
    layer = await shelf.push_blob("a", noise("layer", 100))
    await shelf.collect(delete_untagged=True)
    assert layer.hex in await shelf.blobs()


# Deleting


class Interrupted(DelegatingDriver):
    """Does `meanwhile` once, before the first removal of a tag."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def delete_matching(self, folder: str, path: str, matches: Matches) -> bool:
        if self.meanwhile is not None and folder.endswith("/latest"):
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return await self._driver.delete_matching(folder, path, matches)


async def interrupted(tmp_path: Path) -> tuple[Shelf, Interrupted]:
    driver = Interrupted(FilesystemDriver(str(tmp_path)))
    shelf = Shelf(driver)
    await shelf.push("a", FIRST, "a-tag", "latest")
    await shelf.push("a", SECOND)
    return shelf, driver


async def test_a_tag_that_was_led_elsewhere_while_its_manifest_is_deleted_stays(tmp_path: Path) -> None:
    shelf, driver = await interrupted(tmp_path)
    driver.meanwhile = lambda: shelf.push_manifest("a", SECOND, "latest")
    manifests = shelf.registry.repository("a").manifests
    assert await manifests.delete(FIRST.digest) == ["a-tag"]
    assert await shelf.tags("a") == ["latest"]
    digest, found = await manifests.tagged(Tag("latest"))
    assert (digest, found.payload) == (SECOND.digest, SECOND.payload)
    assert not await shelf.has("a", FIRST)


async def test_a_tag_that_somebody_deletes_while_its_manifest_is_deleted_is_no_mistake(
    tmp_path: Path,
) -> None:
    shelf, driver = await interrupted(tmp_path)
    repository = shelf.registry.repository("a")
    driver.meanwhile = lambda: repository.tags.delete(Tag("latest"))
    assert await repository.manifests.delete(FIRST.digest) == ["a-tag"]
    assert await shelf.tags("a") == []
    assert not await shelf.has("a", FIRST)


class Busy(InMemoryDriver):
    """Counts how many tags it removes at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    async def delete_matching(self, folder: str, path: str, matches: Matches) -> bool:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return await super().delete_matching(folder, path, matches)


async def test_many_tags_of_a_deleted_manifest_are_removed_a_few_at_a_time() -> None:
    driver = Busy()
    shelf = Shelf(driver)
    tags = [f"t{number:03d}" for number in range(100)]
    await shelf.push("a", FIRST, *tags)
    await shelf.push("a", SECOND, "other")
    assert await shelf.registry.repository("a").manifests.delete(FIRST.digest) == tags
    assert await shelf.tags("a") == ["other"]
    assert 1 < driver.most < 50


async def test_a_child_of_an_index_may_be_deleted_with_its_tags(tmp_path: Path) -> None:
    shelf, _ = await interrupted(tmp_path)
    both: Image = index(FIRST, SECOND)
    await shelf.push_manifest("a", both, "both")
    await shelf.registry.repository("a").manifests.delete(FIRST.digest)
    assert await shelf.tags("a") == ["both"]


@pytest.fixture(params=["filesystem", "inmemory", "objectstore"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    """On every kind of driver in turn."""
    if request.param == "filesystem":
        yield Shelf(FilesystemDriver(str(tmp_path)))
    elif request.param == "inmemory":
        yield Shelf(InMemoryDriver())
    else:
        driver = driver_over(request.getfixturevalue("moto_store"))
        yield Shelf(driver)
        await driver.close()


async def test_a_repository_without_its_last_manifest_is_listed_where_folders_stay_until_a_collection(
    kept: Shelf,
) -> None:
    """Where folders are only parts of names it is gone at once. With a tag removed, but not its manifest, it stays anywhere."""
    for name in ("a", "b"):
        await kept.push(name, FIRST, "latest")
    repository = kept.registry.repository("a")
    await repository.tags.delete(Tag("latest"))
    assert await kept.tags("a") == []
    assert await kept.catalog() == ["a", "b"]
    await repository.manifests.delete(FIRST.digest)
    has_folders = isinstance(kept.driver, FilesystemDriver)
    assert await kept.catalog() == (["a", "b"] if has_folders else ["b"])
    if has_folders:
        assert await kept.tags("a") == []
        await kept.collect()
        assert await kept.catalog() == ["b"]
    with pytest.raises(NameUnknown):
        await kept.tags("a")
