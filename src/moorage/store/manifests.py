"""Manifests of one repository: bytes as pushed, with what they refer to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from moorage.digest import ALGORITHMS, CANONICAL, Digest
from moorage.drivers.base import Driver
from moorage.errors import BlobUnknown, ManifestBlobUnknown, ManifestInvalid, ManifestUnknown
from moorage.manifest import IMAGES, INDEXES, Manifest, check_pushed
from moorage.names import Name, Tag
from moorage.store import layout, notes
from moorage.store.abreast import abreast
from moorage.store.ahead import AHEAD
from moorage.store.blobs import RepositoryBlobs
from moorage.store.blobstore import Blob, BlobStore
from moorage.store.linked import Linked
from moorage.store.listing import digests_in
from moorage.store.manifestcache import Bearings, ManifestCache
from moorage.store.parsing import parse_stored
from moorage.store.policy import ReferencePolicy
from moorage.store.removal import discard
from moorage.store.tags import Tags

log = logging.getLogger(__name__)

CHECKED_AT_ONCE: Final = 64


class _Wanted(NamedTuple):
    """Content that a manifest refers to, and what it may be here."""

    digest: str
    manifest: bool = False
    blob: bool = True


class Manifests:
    def __init__(
        self,
        name: Name,
        driver: Driver,
        store: BlobStore,
        linked: Linked,
        blobs: RepositoryBlobs,
        tags: Tags,
        cache: ManifestCache,
        policy: ReferencePolicy,
    ) -> None:
        self._name = name
        self._driver = driver
        self._store = store
        self._linked = linked
        self._blobs = blobs
        self._tags = tags
        self._cache = cache
        self._policy = policy

    async def tagged(self, tag: Tag) -> tuple[Digest, Manifest]:
        """The manifest that a tag leads to, and the digest that the client used when it pushed the tag. Raises
        ManifestUnknown."""
        digest, note = await self._tags.look(tag)
        if note and digest.canonical and self._cache.get(digest) is None:
            payload = notes.unpack(note)
            if Digest.of(payload) == digest:
                with contextlib.suppress(ManifestInvalid):
                    self._cache.put(digest, parse_stored(payload))
        return digest, await self.get(digest, tagged=True)

    async def get(self, digest: Digest, *, tagged: bool = False, prove: bool = False) -> Manifest:
        """The manifest of this digest. Raises ManifestUnknown, also for content that is not a manifest.

        `tagged`: a tag of this repository was just seen to lead here. Where lookups are expensive, that is proof enough: a tag
        is written after everything it leads to, and removed before it. `prove`: another manifest will refer to this one, so
        no cached link counts that a client may have removed.
        """
        link = layout.revision_link(self._name, digest)
        known = await self._linked.remembered(link, prove=prove)
        since = time.monotonic()
        try:
            if known is not None:
                canonical, ask = known.digest, False
            elif tagged and self._driver.distant and digest.canonical:
                canonical, ask = digest, False
            else:
                canonical, ask = await self._linked.canonical(link, digest), True
            found = await self._content(canonical, ask=ask)
        except BlobUnknown:
            if known is not None:
                await self._linked.forget(link)
            raise ManifestUnknown(detail={"digest": digest}) from None
        except ManifestInvalid as error:
            raise ManifestUnknown(error.message, detail={"digest": digest}) from None
        if ask and self._linked.remembers:
            await self._linked.remember([link], Blob(canonical, len(found.payload)), since)
        return found

    async def _content(self, canonical: Digest, *, ask: bool) -> Manifest:
        """The manifest of a canonical digest. `ask` checks that cached bytes are still in the storage: they are right in any
        case, but a 200 must also mean that they are stored. Raises BlobUnknown, ManifestInvalid."""
        found = self._cache.get(canonical)
        try:
            if found is None:
                found = await self._cache.loading.load(canonical, self._store.read)
                self._cache.put(canonical, found)
            elif ask:
                await self._store.size(canonical)
        except BlobUnknown:
            log.warning(
                "the bytes of a manifest are not there: push it again",
                extra={"repository": self._name, "digest": canonical},
            )
            raise
        return found

    @property
    def bearings(self) -> Bearings:
        return self._cache.bearings

    async def exists(self, digest: Digest, *, prove: bool = False) -> bool:
        try:
            await self.get(digest, prove=prove)
        except ManifestUnknown:
            return False
        return True

    async def put(self, found: Manifest, digests: Sequence[Digest], tags: Sequence[Tag]) -> Digest:
        """Store a manifest under all its `digests` and point `tags` to it. Returns the canonical digest. Raises
        ManifestInvalid, and ManifestBlobUnknown naming every reference that this repository lacks.

        The bytes become visible first; once they are durable, the revision, tag history and referrer links; and once
        those are durable, the tags. So every name leads to something complete. What a deletion removes meanwhile is written again,
        except over an object store: the deletion then finds the tags, or the tags lead to a manifest.
        """
        await self._check(found)
        since = time.monotonic()
        canonical = Digest.of(found.payload)
        links = [layout.revision_link(self._name, digest) for digest in dict.fromkeys((canonical, *digests))]
        # A link without its bytes would be a damaged manifest, and a collection would keep the whole repository.
        content = [(layout.blob_data(canonical), found.payload)]
        names = [(link, canonical.encode()) for link in links]
        named = digests[0] if digests else canonical
        for tag in tags:
            names.append((layout.tag_index_link(self._name, tag, named), named.encode()))
        if found.subject is not None:
            subject = Digest.parse(found.subject.digest)
            names.append((layout.referrer_link(self._name, subject, canonical), canonical.encode()))
        leads = self._tags.links(tags, named)
        if note := notes.pack(found.payload, self._driver.notes) if named.canonical else b"":
            await self._driver.write(content, names)
            await abreast(AHEAD, leads, lambda lead: self._driver.write_noted(*lead, note))
        else:
            await self._driver.write(content, names, leads)
        self._cache.put(canonical, found)
        await self._linked.remember(links, Blob(canonical, len(found.payload)), since)
        return canonical

    async def _check(self, found: Manifest) -> None:
        check_pushed(found)
        await self._policy.check(found)
        wanted: dict[_Wanted, set[int]] = defaultdict(set)
        for one in found.blobs:
            if self._policy.required(one):
                wanted[_Wanted(one.digest)].add(one.size)
        for child in found.manifests:
            if self._policy.child_required(child):
                # An index may also refer to content that is not a manifest and was pushed as a blob. As a blob, a manifest would be
                # 404 to those who follow the index.
                blob = child.media_type not in IMAGES | INDEXES
                wanted[_Wanted(child.digest, manifest=True, blob=blob)].add(child.size)
        asked = list(wanted.items())
        missing: list[str] = []
        # Lookups on a local disk never yield to the event loop: thousands at once would hold up all other requests.
        for first in range(0, len(asked), CHECKED_AT_ONCE):
            part = asked[first : first + CHECKED_AT_ONCE]
            known = await asyncio.gather(*(self._has(one, sizes) for one, sizes in part))
            missing += [one.digest for (one, _), there in zip(part, known, strict=True) if not there]
        if missing:
            raise ManifestBlobUnknown(list(dict.fromkeys(missing)))

    async def _has(self, wanted: _Wanted, sizes: Iterable[int]) -> bool:
        digest = Digest.parse(wanted.digest)
        if wanted.manifest and await self.exists(digest, prove=True):
            return True
        if not wanted.blob:
            return False
        try:
            await self._blobs.prove(digest, sizes)
        except BlobUnknown:
            return False
        return True

    async def delete(self, digest: Digest) -> list[Tag]:
        """Remove the manifest and the tags that lead to it. Returns the removed tags. Raises ManifestUnknown.

        A tag that is moved meanwhile stays, except over an object store between the last look and the removal. Tags that lead to
        the manifest are looked for once more after its links are gone: a `put` at the same time may have written them meanwhile.
        """
        try:
            canonical = await self._linked.canonical(layout.revision_link(self._name, digest), digest)
        except BlobUnknown:
            raise ManifestUnknown(detail={"digest": digest}) from None
        digests = [*await self._aliases(canonical), canonical]
        links = [layout.revision_link(self._name, name) for name in digests]
        async with self._linked.removing(*links):
            gone = await self._delete_tags(digests)
            await self._delete_referrer(canonical)
            for link in links:
                await discard(self._driver, link)
            gone += await self._delete_tags(digests)
        return gone

    async def _delete_tags(self, digests: Collection[Digest]) -> list[Tag]:
        tags = await self._tags.leading_to(digests)
        gone: set[Tag] = set()

        async def delete(tag: Tag) -> None:
            if await self._tags.delete_leading_to(digests, tag):
                gone.add(tag)

        await abreast(AHEAD, tags, delete)
        return [tag for tag in tags if tag in gone]

    async def _delete_referrer(self, canonical: Digest) -> None:
        try:
            subject = (await self.get(canonical)).subject
        except ManifestUnknown:
            return
        if subject is not None:
            await discard(
                self._driver, layout.referrer_link(self._name, Digest.parse(subject.digest), canonical)
            )

    async def _aliases(self, canonical: Digest) -> list[Digest]:
        """Digests of other algorithms under which the manifest was pushed."""
        found = []
        others = [algorithm for algorithm in ALGORITHMS if algorithm != CANONICAL]
        for alias in await digests_in(self._driver, layout.revisions(self._name), others):
            try:
                leads = await self._linked.canonical(layout.revision_link(self._name, alias), alias)
            except BlobUnknown:
                continue
            if leads == canonical:
                found.append(alias)
        return found
