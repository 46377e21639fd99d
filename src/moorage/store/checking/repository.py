"""Checks the links and tags of one repository, and what its manifests name, in the reverse order of a push, as a copy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from moorage.digest import Digest
from moorage.drivers.base import Obstructed, PathNotFound
from moorage.errors import DigestInvalid, ManifestInvalid, TagInvalid
from moorage.manifest import Descriptor, Manifest
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.abreast import abreast
from moorage.store.checking.state import State
from moorage.store.checking.suspects import (
    CorruptBlob,
    DanglingLayer,
    DanglingReferrer,
    DanglingRevision,
    DanglingTag,
    MissingBlob,
    MissingReferrer,
    Suspect,
    TornLink,
    TornTag,
    is_torn,
)
from moorage.store.contents import key, leads_to
from moorage.store.findings import Finding
from moorage.store.links import parse_link
from moorage.store.listing import digests_and_others
from moorage.store.parsing import parse_stored
from moorage.store.policy import ReferencePolicy
from moorage.store.tree import PARTS

READS_AT_ONCE: Final = 16
FOLDERS: Final = PARTS | {"_uploads"}
COMPLETE: Final = "complete"


class RepositoryCheck:
    def __init__(
        self, state: State, name: Name, policy: ReferencePolicy, suspect: Callable[[Suspect], None]
    ) -> None:
        self._state = state
        self._tree = state.tree
        self._name = name
        self._policy = policy
        self._suspect = suspect
        self._tags: dict[Tag, Digest] = {}
        self._referrers: set[tuple[Digest, Digest]] = set()
        self._complete = False
        self._revisions: dict[Digest, Digest] = {}
        self._layers: dict[Digest, Digest] = {}

    async def run(self, folders: list[str], *, quick: bool) -> None:
        """Check the repository; if `quick` is set, without the history of tags. Raises DriverError."""
        for folder in folders:
            if folder.startswith("_") and folder not in FOLDERS:
                self._foreign(f"{layout.repository(self._name)}/{folder}")
        tags = await self._tree.names(layout.tags(self._name))
        await abreast(READS_AT_ONCE, tags, self._tag)
        if not quick:
            await abreast(READS_AT_ONCE, list(self._tags), self._history)
        await self._read_referrers()
        await self._links(layout.revisions(self._name), layout.revision_link, self._revisions)
        await self._links(layout.layers(self._name), layout.layer_link, self._layers)
        await abreast(READS_AT_ONCE, list(self._revisions), self._revision)
        self._dangling()
        self._state.report.repositories += 1

    # Reading

    async def _tag(self, text: str) -> None:
        try:
            tag = Tag.parse(text)
        except TagInvalid:
            self._foreign(f"{layout.tags(self._name)}/{text}")
            return
        content = await self._link(layout.tag_link(self._name, tag))
        if content is None:
            return
        try:
            self._tags[tag] = parse_link(content)
        except DigestInvalid:
            self._suspect(TornTag(self._name, tag))

    async def _history(self, tag: Tag) -> None:
        digests, others = await self._tree.digests(layout.tag_index(self._name, tag))
        for path in others:
            self._foreign(path)
        for digest in digests:
            path = layout.tag_index_link(self._name, tag, digest)
            await self._look(path, digest)

    async def _read_referrers(self) -> None:
        folder = layout.referrers(self._name)
        for algorithm in await self._tree.names(folder):
            if algorithm == COMPLETE:
                self._complete = True
                continue
            subjects, others = digests_and_others(await self._tree.names(f"{folder}/{algorithm}"), algorithm)
            for name in others:
                self._foreign(f"{folder}/{algorithm}/{name}")
            for subject in subjects:
                digests, _ = await self._tree.digests(layout.referrers_of(self._name, subject))
                self._referrers |= {(subject, digest) for digest in digests}
        for subject, digest in sorted(self._referrers):
            await self._look(layout.referrer_link(self._name, subject, digest), digest)

    async def _links(
        self, folder: str, path_of: Callable[[Name, Digest], str], found: dict[Digest, Digest]
    ) -> None:
        digests, others = await self._tree.digests(folder)
        for path in others:
            self._foreign(path)

        async def look(digest: Digest) -> None:
            content = await self._look(path_of(self._name, digest), digest if digest.canonical else None)
            canonical = leads_to(digest, content) if content is not None else None
            if canonical is not None:
                found[digest] = canonical

        await abreast(READS_AT_ONCE, digests, look)

    async def _look(self, path: str, holds: Digest | None) -> bytes | None:
        content = await self._link(path)
        if content is not None and is_torn(content, holds):
            self._suspect(TornLink(path, self._name, holds))
        return content

    async def _link(self, path: str) -> bytes | None:
        """The content of a link; None if it does not exist, or is no file, which is reported."""
        try:
            return await self._state.link(path)
        except Obstructed as error:
            self._state.report.obstructed(error, self._name)
            return None

    # Judging

    async def _revision(self, digest: Digest) -> None:
        canonical = self._revisions[digest]
        self._state.report.manifests += 1
        if key(canonical) in self._state.corrupt:
            self._suspect(DanglingRevision(self._name, digest, canonical))
            return
        try:
            payload = await self._state.driver.read(layout.blob_data(canonical))
        except PathNotFound:
            self._suspect(DanglingRevision(self._name, digest, canonical))
            return
        if Digest.of(payload) != canonical:
            self._corrupt(canonical)
            self._suspect(DanglingRevision(self._name, digest, canonical))
            return
        try:
            manifest = parse_stored(payload)
            self._named(digest, manifest)
            self._refers(canonical, manifest)
        except ManifestInvalid as error:
            path = layout.revision_link(self._name, digest)
            self._state.report.tell(Finding("unserved-manifest", path, self._name, digest, error.message))

    def _named(self, digest: Digest, manifest: Manifest) -> None:
        wanted = [one for one in manifest.blobs if self._policy.required(one)]
        wanted += [child for child in manifest.manifests if self._policy.child_required(child)]
        for descriptor in wanted:
            named = Digest(descriptor.digest)
            canonical = self._layers.get(named) or self._revisions.get(named)
            if canonical is None or not self._state.has(canonical):
                self._suspect(MissingBlob(self._name, digest, named, canonical))
            else:
                self._compare(canonical, descriptor)

    def _refers(self, canonical: Digest, manifest: Manifest) -> None:
        if manifest.subject is None or not self._complete:
            return
        subject = Digest.parse(manifest.subject.digest)
        if (subject, canonical) not in self._referrers:
            self._suspect(MissingReferrer(self._name, subject, canonical))

    def _compare(self, canonical: Digest, descriptor: Descriptor) -> None:
        """Suspect a blob whose size differs from that in a manifest. The second look reads its bytes."""
        if self._state.sizes[key(canonical)] != descriptor.size:
            self._suspect(CorruptBlob(canonical))

    def _corrupt(self, canonical: Digest) -> None:
        self._state.sizes.pop(key(canonical), None)
        self._state.corrupt.add(key(canonical))
        self._suspect(CorruptBlob(canonical))

    def _dangling(self) -> None:
        state, name = self._state, self._name
        for digest, canonical in self._layers.items():
            if not state.has(canonical) and key(canonical) not in state.corrupt:
                self._suspect(DanglingLayer(name, digest, canonical))
        for subject, digest in sorted(self._referrers):
            if digest not in self._revisions:
                self._suspect(DanglingReferrer(name, subject, digest))
        for tag, digest in self._tags.items():
            manifest = self._revisions.get(digest)
            if manifest is None or not state.has(manifest):
                self._suspect(DanglingTag(name, tag, digest))

    def _foreign(self, path: str) -> None:
        self._tree.foreign(path, self._name)
