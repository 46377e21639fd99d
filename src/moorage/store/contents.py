"""One repository, read whole and reduced to its references, to decide what of it must stay.

A registry may hold millions of manifests, so only the bytes of the digests that a manifest names are kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from moorage.digest import Digest
from moorage.errors import DigestInvalid, ManifestInvalid
from moorage.manifest import INDEXES, Descriptor, parse
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.links import parse_link
from moorage.store.tree import Tree

Key: TypeAlias = bytes
"""A digest without its algorithm: 32 bytes for sha256, 64 for sha512. Takes half the memory of the text."""

_CANONICAL_LENGTH = 32


def key(digest: str) -> Key:
    """The key of a valid digest."""
    return bytes.fromhex(digest[digest.index(":") + 1 :])


def digest_of(found: Key) -> Digest:
    return Digest(f"{'sha256' if is_canonical(found) else 'sha512'}:{found.hex()}")


def is_canonical(found: Key) -> bool:
    return len(found) == _CANONICAL_LENGTH


@dataclass(frozen=True, slots=True)
class References:
    """What one manifest names."""

    blobs: tuple[Key, ...] = ()
    children: tuple[Key, ...] | None = None
    """The manifests that an index names; None for an image."""
    subject: Key | None = None


@dataclass
class Contents:
    name: Name
    manifests: dict[Key, References] = field(default_factory=dict)
    """By canonical key."""
    aliases: dict[Key, Key] = field(default_factory=dict)
    """Keys of other algorithms under which a manifest was pushed, with its canonical key."""
    former: set[Key] = field(default_factory=set)
    """Keys of deleted manifests: the link is gone, but its folder is still there."""
    tags: dict[Tag, set[Key]] = field(default_factory=dict)
    """Keys as they stand in the tag; several for a torn tag, which may mean anything in its history."""
    damaged: int = 0
    whole: bool = True
    """False if something could not be read and its meaning cannot be found elsewhere. Then all of the repository must
    stay: any of it may be what the damaged manifest, link or tag led to."""
    tidy: bool = True
    """False if there is something under `_manifests/revisions` that no registry puts there."""


class Reading:
    """Fills a `Contents`. Raises DriverError."""

    def __init__(self, tree: Tree, name: Name) -> None:
        self._tree = tree
        self._name = name
        self._keys: dict[Key, Key] = {}
        self.contents = Contents(name)

    async def manifests(self) -> None:
        digests, others = await self._tree.digests(layout.revisions(self._name))
        for path in others:
            self.contents.tidy = False
            self._tree.warn("not a manifest, left alone", path)
        found: dict[Digest, None] = {}
        async for digest, link in self._tree.ask(digests, self._link):
            if (canonical := self._revision(digest, link)) is not None:
                found[canonical] = None
        async for canonical, references in self._tree.ask(found, self._references):
            self.contents.manifests[key(canonical)] = references

    async def _link(self, digest: Digest) -> bytes | None:
        return await self._tree.read(layout.revision_link(self._name, digest))

    def _revision(self, digest: Digest, link: bytes | None) -> Digest | None:
        """The canonical digest of the manifest that the link leads to; None if it is not known."""
        path = layout.revision_link(self._name, digest)
        if link is None:
            self.contents.former.add(key(digest))
            return None
        canonical = leads_to(digest, link)
        if canonical is None:
            self.contents.whole = False
            self._tree.warn("torn link: push its content again; all of its repository is kept", path)
        elif not digest.canonical:
            self.contents.aliases[key(digest)] = key(canonical)
        elif target(link) != digest:
            self._tree.warn("torn link: its path tells what it held", path)
        return canonical

    async def _references(self, digest: Digest) -> References:
        path = layout.blob_data(digest)
        payload = await self._tree.read(path)
        if payload is None:
            return self._unreadable(path, "its bytes are gone")
        if Digest.of(payload) != digest:
            return self._unreadable(path, "its bytes are damaged")
        try:
            manifest = parse(payload)
        except ManifestInvalid as error:
            return self._unreadable(path, error.message)
        index = manifest.media_type in INDEXES
        return References(
            self._shared(manifest.blobs),
            self._shared(manifest.manifests) if index else None,
            key(manifest.subject.digest) if manifest.subject is not None else None,
        )

    def _shared(self, descriptors: tuple[Descriptor, ...]) -> tuple[Key, ...]:
        """The keys of descriptors. Images of one repository share layers, so equal keys share one object."""
        found = (key(descriptor.digest) for descriptor in descriptors)
        return tuple(self._keys.setdefault(one, one) for one in found)

    def _unreadable(self, path: str, reason: str) -> References:
        self.contents.damaged += 1
        self.contents.whole = False
        self._tree.warn(
            "a manifest cannot be read, so all of its repository is kept: push it again, or delete it",
            path,
            repository=self._name,
            reason=reason,
        )
        return References()

    async def tags(self) -> None:
        tags = [Tag(text) for text in await self._tree.names(layout.tags(self._name))]
        async for tag, link in self._tree.ask(tags, self._tag):
            if link is None:
                continue
            digest = target(link, canonical=False)
            self.contents.tags[tag] = {key(digest)} if digest else await self._history(tag)

    async def _tag(self, tag: Tag) -> bytes | None:
        return await self._tree.read(layout.tag_link(self._name, tag))

    async def _history(self, tag: Tag) -> set[Key]:
        digests, _ = await self._tree.digests(layout.tag_index(self._name, tag))
        outcome = "all that it ever named" if digests else "all of its repository"
        self._tree.warn(f"torn tag: {outcome} is kept", layout.tag_link(self._name, tag))
        if not digests:
            self.contents.whole = False
        return {key(digest) for digest in digests}


def target(link: bytes, *, canonical: bool = True) -> Digest | None:
    """The digest in a link file; None if it does not hold one, or (with `canonical`) not a canonical one."""
    try:
        digest = parse_link(link)
    except DigestInvalid:
        return None
    return digest if digest.canonical or not canonical else None


def leads_to(digest: Digest, link: bytes) -> Digest | None:
    """The canonical digest that the link made for `digest` leads to; None if nothing tells. The path of a canonical link gives its
    digest, torn or not."""
    return digest if digest.canonical else target(link)
