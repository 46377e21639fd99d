"""Referrers: the manifests of a repository that name another one as their subject.

They are kept as links, which are written when a manifest is pushed. A repository that another program wrote has no
such links: the first query reads its manifests once and derives them. Old clients keep a list of their own under the
tag `<algorithm>-<hex>`. The manifests that it names are merged into the answer if they have that subject (OCI
distribution-spec, "Referrers Tag Schema" and "Enabling the Referrers API"). Nothing else of the list counts: clients may
write anything into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.errors import ManifestUnknown
from moorage.manifest import Manifest
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.ahead import ahead_of, answers
from moorage.store.listing import digests_in, names_in
from moorage.store.manifestcache import Bearing
from moorage.store.manifests import Manifests
from moorage.store.tags import Tags
from moorage.wire import encode

log = logging.getLogger(__name__)

LARGE_BYTES: Final = 64 << 10
"""A larger manifest takes so long to parse that other requests get their turn afterwards."""

TAG_HEX: Final = 64
"""Characters of the digest in a referrers tag (OCI distribution-spec, "Referrers Tag Schema")."""


def referrers_tag(subject: Digest) -> Tag:
    """Where clients without the referrers API look for the referrers of a manifest: the hex is cut at 64 characters."""
    return Tag(f"{subject.algorithm}-{subject.hex[:TAG_HEX]}")


class Referrer(NamedTuple):
    """A referrer and its descriptor, as JSON: a manifest may have very many small annotations, and as Python objects they
    take many times the memory."""

    digest: str
    descriptor: bytes


class Referrers:
    def __init__(self, name: Name, driver: Driver, manifests: Manifests, tags: Tags) -> None:
        self._name = name
        self._driver = driver
        self._manifests = manifests
        self._tags = tags
        self._refused = False
        self._deriving: asyncio.Task[dict[Digest, set[Digest]]] | None = None

    async def of(
        self, subject: Digest, *, after: str = "", artifact_type: str = "", most: int | None = None
    ) -> AsyncGenerator[Referrer, None]:
        """The referrers of a subject after `after`, sorted by digest, and only those of `artifact_type` if that is given.
        Nothing for a subject that does not exist or has no referrers. Manifests are read shortly before their turn and are
        not kept; those that are known not to fit are not read. `most` is a hint that the caller takes no more than that. A
        caller that stops early has to close the generator (`contextlib.aclosing`)."""
        known: set[Digest] = set()
        if not await self._complete():
            known.update(await self._derived(subject))
        # Also beside those that were derived: that may have begun before a push that has ended since.
        known.update(await self._linked(subject))
        known.update(await self._listed(subject))

        def fits(bearing: Bearing) -> bool:
            return bearing.subject == subject and (
                not artifact_type or bearing.artifact_type == hash(artifact_type)
            )

        async def ask(digest: Digest) -> bytes | None:
            bearing = self._manifests.bearings.get(digest)
            if bearing is not None and not fits(bearing):
                return None
            manifest = await self._manifest(digest)
            if manifest is None or manifest.subject is None or manifest.subject.digest != subject:
                return None
            if artifact_type and manifest.artifact_type != artifact_type:
                return None
            if not digest.canonical and Digest.of(manifest.payload) in known:
                return None
            return encode(manifest.descriptor(digest))

        digests = sorted(digest for digest in known if digest > after)
        ahead = ahead_of(self._driver)
        if most is not None and not artifact_type:
            ahead = min(ahead, most)
        async with contextlib.aclosing(answers(digests, ask, ahead=ahead)) as asking:
            async for digest, found in asking:
                if found is not None:
                    yield Referrer(digest, found)

    async def _manifest(self, digest: Digest) -> Manifest | None:
        try:
            found = await self._manifests.get(digest)
        except ManifestUnknown:
            return None
        self._manifests.bearings.put(digest, found)
        if len(found.payload) > LARGE_BYTES:
            # The next one may not wait for anything either, so other requests get their turn here.
            await asyncio.sleep(0)
        return found

    async def _linked(self, subject: Digest) -> list[Digest]:
        folder = layout.referrers_of(self._name, subject)
        return [Digest(f"sha256:{name}") for name in await names_in(self._driver, f"{folder}/sha256")]

    async def _listed(self, subject: Digest) -> list[Digest]:
        """What the client's own list names, whether it exists or not."""
        try:
            digest = await self._tags.resolve(referrers_tag(subject))
            return [Digest(entry.digest) for entry in (await self._manifests.get(digest)).manifests]
        except ManifestUnknown:
            return []

    async def _complete(self) -> bool:
        try:
            # It is empty, and `stat` may take two calls for that.
            await self._driver.read(layout.referrers_complete(self._name))
        except PathNotFound:
            return False
        return True

    async def _derived(self, subject: Digest) -> set[Digest]:
        """Derived once for all who ask meanwhile. Shielded: clients that leave early would otherwise keep a large repository from ever
        being derived, or have it derived many times at once."""
        if self._deriving is None:
            self._deriving = asyncio.create_task(self._derive())
        return (await asyncio.shield(self._deriving)).get(subject, set())

    async def _derive(self) -> dict[Digest, set[Digest]]:
        """The referrers of every subject in the repository. They are stored as links, with a mark that these are complete."""
        try:
            return await self._derive_all()
        finally:
            # Before any other task runs, so that nobody joins what has ended.
            self._deriving = None

    async def _derive_all(self) -> dict[Digest, set[Digest]]:
        found: dict[Digest, set[Digest]] = defaultdict(set)
        revisions = await digests_in(self._driver, layout.revisions(self._name))
        async for _, link in answers(revisions, self._link, ahead=ahead_of(self._driver)):
            if link is not None:
                subject, referrer = link
                found[subject].add(referrer)
        if await names_in(self._driver, layout.manifests(self._name)):
            await self._keep(
                [
                    (layout.referrer_link(self._name, subject, referrer), referrer.encode())
                    for subject, referrers in found.items()
                    for referrer in referrers
                ]
            )
        return found

    async def _link(self, digest: Digest) -> tuple[Digest, Digest] | None:
        """The subject and the canonical digest of the referrer; None for a manifest without a subject."""
        # A registry that may not write derives at every question.
        bearing = self._manifests.bearings.get(digest)
        if bearing is not None and not bearing.subject:
            return None
        manifest = await self._manifest(digest)
        if manifest is None or manifest.subject is None:
            return None
        return Digest.parse(manifest.subject.digest), Digest.of(manifest.payload)

    async def _keep(self, links: list[tuple[str, bytes]]) -> None:
        try:
            await self._driver.write(links, [(layout.referrers_complete(self._name), b"")])
        except DriverError as error:
            if not self._refused:
                log.warning("referrers not kept", extra={"repository": self._name, "reason": str(error)})
            self._refused = True
        else:
            log.info("referrers derived", extra={"repository": self._name, "links": len(links)})
