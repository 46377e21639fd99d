"""Random registries against a model of forty lines: what is kept is what the model reaches, exactly."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.digest import Digest
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import BlobUnknown
from moorage.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.names import Name, Tag, UploadId
from moorage.store import layout
from tests.store.images import CONFIG, LAYER, Image, noise
from tests.store.shelf import Shelf

NAMES = ("a", "a/b", "c")
TAGS = ("latest", "v1", "v2")
BOTH = ("sha256", "sha512")
LAYERS = tuple(noise(f"layer {number}", 20) for number in range(5))


# The model


@dataclass(frozen=True)
class Node:
    """A manifest as the model sees it: digests of what it names."""

    children: frozenset[str]
    layers: frozenset[str]
    subject: str
    is_index: bool


@dataclass
class Place:
    """What a repository has."""

    manifests: dict[str, Node] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)

    def kept(self, delete_untagged: bool) -> set[str]:
        """Found by looking again until nothing is added: slow, with nothing to get wrong."""
        keep = set() if delete_untagged else set(self.manifests)
        while more := {
            digest for digest in self.manifests if digest not in keep and self._wanted(digest, keep)
        }:
            keep |= more
        return keep

    def _wanted(self, digest: str, keep: set[str]) -> bool:
        return (
            self.manifests[digest].subject in keep
            or any(digest in self.manifests[parent].children for parent in keep)
            or any(found == digest and self.tag_stays(tag, keep) for tag, found in self.tags.items())
        )

    def tag_stays(self, tag: str, keep: set[str]) -> bool:
        subject, target = tag.replace("sha256-", "sha256:"), self.tags[tag]
        lists_referrers = target != subject and target in self.manifests and self.manifests[target].is_index
        return not lists_referrers or subject not in self.manifests or subject in keep


def needed(places: dict[str, Place], delete_untagged: bool) -> set[str]:
    """Everything that a kept manifest is or names."""
    found: set[str] = set()
    for place in places.values():
        keep = place.kept(delete_untagged)
        found |= keep.union(*(place.manifests[one].children | place.manifests[one].layers for one in keep))
    return found


# A registry and the model, filled side by side


class Pair:
    """Every action takes numbers and makes of them a choice among what there is, so that any list of actions can be
    played, and shortened."""

    def __init__(self) -> None:
        self.shelf = Shelf(InMemoryDriver())
        self.places = {name: Place() for name in NAMES}
        self.images: list[tuple[Image, Node]] = []
        self.stored: set[str] = set()
        self._serial = itertools.count()

    async def image(self, repository: int, layers: list[int], subject: int, tag: int) -> None:
        blobs = [LAYERS[number % len(LAYERS)] for number in layers] or [LAYERS[0]]
        entries = [entry(LAYER, blob) for blob in blobs]
        document = {"config": entries[0] | {"mediaType": CONFIG}, "layers": entries[1:]}
        children: frozenset[str] = frozenset()
        digests = frozenset(Digest.of(blob) for blob in blobs)
        await self._push(repository, OCI_MANIFEST, document, tuple(blobs), (children, digests), subject, tag)

    async def index(self, repository: int, picks: list[int], subject: int, tag: int) -> None:
        """Of manifests that were pushed at some time to any repository."""
        chosen = [self.images[pick % len(self.images)][0] for pick in picks if self.images]
        document = {"manifests": [entry(one.media_type, one.payload) for one in chosen]}
        names = frozenset(one.digest for one in chosen), frozenset[str]()
        await self._push(repository, OCI_INDEX, document, (), names, subject, tag)

    async def _push(
        self,
        repository: int,
        media_type: str,
        document: dict[str, Any],
        blobs: tuple[bytes, ...],
        named: tuple[frozenset[str], frozenset[str]],
        subject: int,
        tag: int,
    ) -> None:
        document |= {"schemaVersion": 2, "mediaType": media_type, "serial": next(self._serial)}
        about = ""
        if self.images and subject < len(self.images):
            found = self.images[subject][0]
            document["subject"] = entry(found.media_type, found.payload, BOTH[document["serial"] % 2])
            about = found.digest
        one = Image(payload_of(document), blobs, (), media_type)
        self.images.append((one, Node(*named, about, media_type == OCI_INDEX)))
        await self.copy(len(self.images) - 1, repository, tag)

    async def copy(self, pick: int, repository: int, tag: int) -> None:
        """Push what was pushed before: to another repository, under another tag, or again."""
        if not self.images:
            return
        one, node = self.images[pick % len(self.images)]
        name = NAMES[repository % len(NAMES)]
        place, tags = self.places[name], TAGS[tag : tag + 1]
        for blob in one.blobs:
            await self.shelf.push_blob(name, blob)
        await self.shelf.push_manifest(name, one, *tags, algorithms=BOTH)
        place.manifests[one.digest] = node
        place.tags |= dict.fromkeys(tags, one.digest)
        place.links |= {Digest.of(blob) for blob in one.blobs}
        self.stored |= {one.digest, *map(Digest.of, one.blobs)}

    async def listing(self, repository: int, subject: int, picks: list[int]) -> None:
        """What a client does that knows no referrers API: an index under a tag named after the subject."""
        if not self.images:
            return
        await self.index(repository, picks, len(self.images), len(TAGS))
        name, (one, _) = NAMES[repository % len(NAMES)], self.images[-1]
        tag = self.images[subject % len(self.images)][0].digest.replace(":", "-")
        await self.shelf.push_manifest(name, one, tag)
        self.places[name].tags[tag] = one.digest

    async def untag(self, repository: int, pick: int) -> None:
        name = NAMES[repository % len(NAMES)]
        if tags := sorted(self.places[name].tags):
            tag = tags[pick % len(tags)]
            await self.shelf.registry.repository(name).tags.delete(Tag(tag))
            del self.places[name].tags[tag]

    async def delete(self, repository: int, pick: int) -> None:
        name = NAMES[repository % len(NAMES)]
        place = self.places[name]
        if place.manifests:
            digest = list(place.manifests)[pick % len(place.manifests)]
            await self.shelf.registry.repository(name).manifests.delete(Digest(digest))
            del place.manifests[digest]
            place.tags = {tag: found for tag, found in place.tags.items() if found != digest}

    async def blob(self, repository: int, number: int) -> None:
        name = NAMES[repository % len(NAMES)]
        digest = await self.shelf.push_blob(name, LAYERS[number % len(LAYERS)])
        self.places[name].links.add(digest)
        self.stored.add(digest)

    async def unlink(self, repository: int, number: int) -> None:
        name, digest = NAMES[repository % len(NAMES)], Digest.of(LAYERS[number % len(LAYERS)])
        try:
            await self.shelf.registry.repository(name).blobs.delete(digest)
        except BlobUnknown:
            return
        self.places[name].links.remove(digest)

    async def check(self, delete_untagged: bool) -> None:
        """Collect, and compare all that is left."""
        expected = needed(self.places, delete_untagged)
        assert await self.shelf.blobs() == hexes(self.stored)
        await self.shelf.collect(delete_untagged=delete_untagged)
        assert await self.shelf.blobs() == hexes(self.stored & expected)
        catalog = []
        for name, place in self.places.items():
            keep = place.kept(delete_untagged)
            tags = [tag for tag in place.tags if not delete_untagged or place.tag_stays(tag, keep)]
            assert await self.shelf.revisions(name) == hexes(keep)
            assert await self.shelf.layers(name) == hexes(place.links & expected)
            assert await self.found_tags(name) == {tag: place.tags[tag] for tag in tags}
            catalog += [name] if keep or tags else []
        assert await self.shelf.catalog() == catalog
        again = await self.shelf.collect(delete_untagged=delete_untagged)
        assert not any(vars(again.garbage).values()), "a second collection finds more"

    async def found_tags(self, name: str) -> dict[str, str]:
        """What tags hold, without asking whether that is there."""
        found = {}
        async for path in self.shelf.files(layout.tags(Name(name))):
            if path.endswith("/current/link"):
                found[path.split("/")[-3]] = (await self.shelf.driver.read(path)).decode()
        return found


def entry(media_type: str, content: bytes, algorithm: str = "sha256") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": Digest.of(content, algorithm), "size": len(content)}


def payload_of(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def hexes(digests: set[str]) -> set[str]:
    return {digest.removeprefix("sha256:") for digest in digests}


# Which choices are made

some = st.integers(0, 11)
few = st.lists(some, max_size=3)
repository = st.integers(0, len(NAMES) - 1)
tag = st.integers(0, 2 * len(TAGS))
"""Beyond the tags there are: none."""

Action = tuple[Callable[..., Any], tuple[Any, ...]]
actions: st.SearchStrategy[Action] = st.one_of(
    st.tuples(st.just(Pair.image), st.tuples(repository, few, some, tag)),
    st.tuples(st.just(Pair.image), st.tuples(repository, few, some, tag)),
    st.tuples(st.just(Pair.index), st.tuples(repository, few, some, tag)),
    st.tuples(st.just(Pair.index), st.tuples(repository, few, some, tag)),
    st.tuples(st.just(Pair.copy), st.tuples(some, repository, tag)),
    st.tuples(st.just(Pair.listing), st.tuples(repository, some, few)),
    st.tuples(st.just(Pair.untag), st.tuples(repository, some)),
    st.tuples(st.just(Pair.delete), st.tuples(repository, some)),
    st.tuples(st.just(Pair.blob), st.tuples(repository, some)),
    st.tuples(st.just(Pair.unlink), st.tuples(repository, some)),
)


async def play(made: list[Action], delete_untagged: bool) -> None:
    pair = Pair()
    # The folder of all repositories stays on a disk. Here it is there as long as something lies in it.
    await pair.shelf.driver.write([(layout.upload_started(Name("upload"), UploadId.new()), b"now")])
    for action, choices in made:
        await action(pair, *choices)
    await pair.check(delete_untagged)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=st.lists(actions, max_size=25), delete_untagged=st.booleans())
def test_what_is_kept_is_what_the_model_reaches(made: list[Action], delete_untagged: bool) -> None:
    asyncio.run(play(made, delete_untagged))


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=st.lists(actions, max_size=60), delete_untagged=st.booleans())
def test_what_is_kept_is_what_the_model_reaches_in_ten_thousand_registries(
    made: list[Action], delete_untagged: bool
) -> None:
    asyncio.run(play(made, delete_untagged))
