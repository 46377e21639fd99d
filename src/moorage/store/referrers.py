"""Referrers: the manifests of a repository that name another one as their subject.

Kept as links when a manifest is pushed. A repository that another program wrote has no such links: the first
question reads its manifests once and derives them. Old clients keep a list of their own under the tag
`<algorithm>-<hex>`; it is merged into the answer (OCI distribution-spec, "Referrers Tag Schema").
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Final

from moorage.digest import ALGORITHMS, Digest
from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.errors import DigestInvalid, ManifestUnknown, TagInvalid
from moorage.manifest import Descriptor, Manifest
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.ahead import ahead_of, answers
from moorage.store.manifests import Manifests
from moorage.store.tags import Tags

log = logging.getLogger(__name__)


TAG_HEX: Final = 64
"""Characters of the digest in a referrers tag (OCI distribution-spec, "Referrers Tag Schema")."""


class Referrers:
    def __init__(self, name: Name, driver: Driver, manifests: Manifests, tags: Tags) -> None:
        self._name = name
        self._driver = driver
        self._manifests = manifests
        self._tags = tags

    async def of(self, subject: Digest) -> list[Descriptor]:
        """Sorted by digest; empty for a subject that nothing refers to, or that is not there."""
        linked = await self._linked(subject) if await self._complete() else (await self._derive())[subject]
        found: dict[str, Descriptor] = {}
        async for digest, manifest in answers(linked, self._manifest, ahead=ahead_of(self._driver)):
            if manifest is not None:
                found[digest] = manifest.descriptor(digest)
        for descriptor in await self._from_tag(subject):
            found.setdefault(descriptor.digest, descriptor)
        return [found[digest] for digest in sorted(found)]

    async def _manifest(self, digest: Digest) -> Manifest | None:
        try:
            return await self._manifests.get(digest)
        except ManifestUnknown:
            return None

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
            digest = await self._tags.resolve(Tag.parse(f"{subject.algorithm}-{subject.hex[:TAG_HEX]}"))
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

    async def _derive(self) -> dict[Digest, set[Digest]]:
        """The referrers of every subject in the repository; kept as links, with a mark that all are made."""
        found: dict[Digest, set[Digest]] = defaultdict(set)
        async for _, manifest in answers(
            await self._revisions(), self._manifest, ahead=ahead_of(self._driver)
        ):
            if manifest is not None and manifest.subject is not None:
                found[Digest.parse(manifest.subject.digest)].add(Digest.of(manifest.payload))
        if await self._names(layout.manifests(self._name)):
            await self._keep(
                [
                    (layout.referrer_link(self._name, subject, referrer), referrer.encode())
                    for subject, referrers in found.items()
                    for referrer in referrers
                ]
            )
        return found

    async def _revisions(self) -> list[Digest]:
        found = []
        for algorithm in ALGORITHMS:
            for hexadecimal in await self._names(f"{layout.revisions(self._name)}/{algorithm}"):
                try:
                    found.append(Digest.parse(f"{algorithm}:{hexadecimal}"))
                except DigestInvalid:
                    continue
        return found

    async def _keep(self, links: list[tuple[str, bytes]]) -> None:
        try:
            await self._driver.write([*links, (layout.referrers_complete(self._name), b"")])
        except DriverError as error:
            log.warning("referrers not kept", extra={"repository": self._name, "reason": str(error)})
        else:
            log.info("referrers derived", extra={"repository": self._name, "links": len(links)})
