"""Referrers: the manifests of a repository that name another one as their subject.

Kept as links when a manifest is pushed. A repository that another program wrote has no such links: the first
question reads its manifests once and derives them. Old clients keep a list of their own under the tag
`<algorithm>-<hex>`; it is merged into the answer (OCI distribution-spec, "Referrers Tag Schema").
"""

from __future__ import annotations

import logging

from moorage.digest import ALGORITHMS, Digest
from moorage.drivers.base import Driver, PathNotFound
from moorage.errors import DigestInvalid, ManifestUnknown, TagInvalid
from moorage.manifest import Descriptor
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.manifests import Manifests
from moorage.store.tags import Tags

log = logging.getLogger(__name__)


class Referrers:
    def __init__(self, name: Name, driver: Driver, manifests: Manifests, tags: Tags) -> None:
        self._name = name
        self._driver = driver
        self._manifests = manifests
        self._tags = tags

    async def of(self, subject: Digest) -> list[Descriptor]:
        """Sorted by digest; empty for a subject that nothing refers to, or that is not there."""
        if not await self._complete():
            await self._derive()
        found: dict[str, Descriptor] = {}
        for digest in await self._linked(subject):
            try:
                found[digest] = (await self._manifests.get(digest)).descriptor(digest)
            except ManifestUnknown:
                continue
        for descriptor in await self._from_tag(subject):
            found.setdefault(descriptor.digest, descriptor)
        return [found[digest] for digest in sorted(found)]

    async def _linked(self, subject: Digest) -> list[Digest]:
        folder = layout.referrers_of(self._name, subject)
        return [Digest(f"sha256:{name}") for name in await self._names(f"{folder}/sha256")]

    async def _names(self, folder: str) -> list[str]:
        try:
            return await self._driver.children(folder)
        except PathNotFound:
            return []

    async def _from_tag(self, subject: Digest) -> list[Descriptor]:
        try:
            digest = await self._tags.resolve(Tag.parse(f"{subject.algorithm}-{subject.hex}"))
            listed = (await self._manifests.get(digest)).manifests
        except (ManifestUnknown, TagInvalid):
            return []
        return [entry for entry in listed if await self._manifests.exists(Digest.parse(entry.digest))]

    async def _complete(self) -> bool:
        try:
            await self._driver.stat(layout.referrers_complete(self._name))
        except PathNotFound:
            return False
        return True

    async def _derive(self) -> None:
        """Make a link for every manifest with a subject, then the mark that all are made."""
        links = []
        for algorithm in ALGORITHMS:
            for hexadecimal in await self._names(f"{layout.revisions(self._name)}/{algorithm}"):
                try:
                    digest = Digest.parse(f"{algorithm}:{hexadecimal}")
                    found = await self._manifests.get(digest)
                except (DigestInvalid, ManifestUnknown):
                    continue
                if found.subject is not None:
                    canonical = Digest.of(found.payload)
                    subject = Digest.parse(found.subject.digest)
                    links.append((layout.referrer_link(self._name, subject, canonical), canonical.encode()))
        if await self._names(layout.manifests(self._name)):
            log.info("referrers derived", extra={"repository": self._name, "links": len(links)})
            await self._driver.write([*links, (layout.referrers_complete(self._name), b"")])
