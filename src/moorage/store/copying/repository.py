"""Writes one repository at the target, once its content is there.

Layer links come first, then referrer links and manifests, then the history of tags, and the tags last. A manifest is
written only if the target has everything that the manifest names and the source has; a tag only if its manifest is
there. So the target serves whole images at any time, and the next copy completes what an interrupted one left.
"""

from __future__ import annotations

from moorage.digest import Digest
from moorage.drivers.base import Driver
from moorage.errors import ManifestInvalid
from moorage.manifest import Manifest, parse
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.abreast import abreast
from moorage.store.contents import key
from moorage.store.copying.blobs import BlobCopies
from moorage.store.copying.closure import lacking
from moorage.store.copying.links import LinkCopies
from moorage.store.copying.report import CopyReport
from moorage.store.copying.source import READS_AT_ONCE, Found
from moorage.store.findings import Finding
from moorage.store.listing import names_in
from moorage.store.tree import Tree


class RepositoryCopy:
    def __init__(
        self, source: Tree, target: Driver, blobs: BlobCopies, found: Found, report: CopyReport
    ) -> None:
        self._source = source
        self._target = target
        self._blobs = blobs
        self._found = found
        self._report = report
        self._links = LinkCopies(target, report)
        self._name: Name = found.name
        self._fresh = False
        self._manifests: dict[Digest, Manifest] = {}
        self._children: dict[Digest, list[Digest]] = {}
        self._short: dict[Digest, str] = {}

    async def run(self) -> None:
        """Copy the repository. Raises DriverError."""
        found = self._found
        self._fresh = not await self._begun()
        await self._bring({*found.layers.values(), *found.revisions.values()})
        await self._layers()
        copied = await self._revisions()
        await self._tags(copied)
        self._report.repositories += 1

    async def _begun(self) -> bool:
        """Whether the target has anything of the repository, not counting repositories within it."""
        for folder in (layout.layers(self._name), layout.manifests(self._name)):
            if await self._target.is_folder(folder):
                return True
        return False

    async def _bring(self, digests: set[Digest]) -> None:
        async def bring(digest: Digest) -> None:
            await self._blobs.bring(digest)

        await abreast(READS_AT_ONCE, digests, bring)

    def _is_there(self, canonical: Digest) -> bool:
        return key(canonical) in self._blobs.there

    # Layers

    async def _layers(self) -> None:
        links = {digest: one for digest, one in self._found.layers.items() if self._is_there(one)}
        aliases = {
            layout.alias(digest): one.encode() for digest, one in links.items() if not digest.canonical
        }
        await self._links.write(await self._links.missing(aliases))
        paths = {layout.layer_link(self._name, digest): one.encode() for digest, one in links.items()}
        await self._links.write(paths if self._fresh else await self._links.missing(paths))

    # Manifests

    async def _revisions(self) -> set[Digest]:
        """Copy the manifests. Returns the digests under which the target now has a manifest of the source."""
        links = {layout.revision_link(self._name, digest): digest for digest in self._found.revisions}
        contents = {path: self._found.revisions[digest].encode() for path, digest in links.items()}
        new = contents if self._fresh else await self._links.missing(contents)
        digests = [links[path] for path in new]
        await abreast(READS_AT_ONCE, {self._found.revisions[one] for one in digests}, self._examine)
        without = await self._without(digests)
        ready = {path: content for path, content in new.items() if links[path] not in without}
        await self._links.write(self._referrers({self._found.revisions[links[path]] for path in ready}))
        await self._links.write(ready)
        return self._found.revisions.keys() - without

    async def _examine(self, canonical: Digest) -> None:
        """Find out what a manifest lacks. It is read at the target, where its bytes were verified."""
        if not self._is_there(canonical):
            self._short[canonical] = "its bytes could not be copied"
            return
        try:
            manifest = parse(await self._target.read(layout.blob_data(canonical)))
        except ManifestInvalid:
            # A format that is not supported here. What it needs was copied with everything else.
            return
        self._manifests[canonical] = manifest
        for descriptor in (*manifest.blobs, *manifest.manifests):
            digest = Digest(descriptor.digest)
            named = self._found.canonical(digest)
            if named is not None and not self._is_there(named):
                self._short[canonical] = f"{digest} could not be copied"
            elif named is None and not await self._linked(canonical):
                self._short[canonical] = ""
        self._children[canonical] = [
            self._found.revisions[child]
            for child in (Digest(one.digest) for one in manifest.manifests)
            if child in self._found.revisions
        ]

    async def _linked(self, canonical: Digest) -> bool:
        """Whether the source still has the manifest. If not, what it names may be gone as well."""
        return await self._source.read(layout.revision_link(self._name, canonical)) is not None

    async def _without(self, digests: list[Digest]) -> set[Digest]:
        """The manifests that cannot be copied. Each is reported, unless it was deleted at the source meanwhile."""
        found = lacking(self._children, self._short)
        without = {digest for digest in digests if self._found.revisions[digest] in found}
        for digest in sorted(without):
            canonical = self._found.revisions[digest]
            cause = found[canonical]
            reason = self._short[cause] if cause == canonical else f"{cause} could not be copied"
            if reason and await self._linked(digest):
                self._tell("manifest-not-copied", layout.revision_link(self._name, digest), digest, reason)
        return without

    def _referrers(self, canonical: set[Digest]) -> dict[str, bytes]:
        """Links to manifests that name a subject. They lead nowhere until the manifest is there, and are ignored until then."""
        links = {
            layout.referrer_link(self._name, Digest(manifest.subject.digest), digest): digest.encode()
            for digest, manifest in self._manifests.items()
            if manifest.subject is not None and digest in canonical
        }
        if self._fresh and canonical:
            links[layout.referrers_complete(self._name)] = b""
        return links

    # Tags

    async def _tags(self, copied: set[Digest]) -> None:
        found = self._found
        ready = {tag: digest for tag, digest in found.tags.items() if digest in copied}
        history: dict[str, bytes] = {}
        for tag, current in ready.items():
            # If the tag's link is ever torn, the newest entry counts. So the current one is written last.
            former = [digest for digest in found.history[tag] if digest in copied and digest != current]
            for digest in (*former, current):
                history[layout.tag_index_link(self._name, tag, digest)] = digest.encode()
        await self._links.write(history if self._fresh else await self._links.missing(history))
        links = {layout.tag_link(self._name, tag): digest.encode() for tag, digest in ready.items()}
        new = links if self._fresh else await self._links.missing(links)
        await self._links.write(new)
        self._report.tags += len(new)
        if not self._fresh:
            self._report.extra_tags += len(await self._tags_there() - found.tags.keys())
        for tag in found.tags.keys() - ready.keys():
            await self._left_out(tag)

    async def _tags_there(self) -> set[Tag]:
        return set(map(Tag, await names_in(self._target, layout.tags(self._name))))

    async def _left_out(self, tag: Tag) -> None:
        """Report a tag that was not copied. One that was deleted or moved meanwhile is left to the next copy."""
        path, digest = layout.tag_link(self._name, tag), self._found.tags[tag]
        if digest in self._found.revisions:
            self._tell("tag-not-copied", path, digest, "its manifest could not be copied")
            return
        link = await self._source.read(path)
        if link is not None and link.decode("latin-1").strip() in ("", digest):
            self._tell("tag-not-copied", path, digest, "it leads to no manifest")

    def _tell(self, kind: str, path: str, digest: Digest, detail: str) -> None:
        self._report.tell(Finding(kind, path, repository=self._name, digest=digest, detail=detail))
