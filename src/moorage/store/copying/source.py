"""One repository as the source has it.

Tags are read first, then manifests, then layers: the reverse order of a push. So what a tag leads to exists when the
manifests are read, however much is pushed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from moorage.digest import Digest
from moorage.errors import DigestInvalid
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.abreast import abreast
from moorage.store.contents import leads_to
from moorage.store.copying.report import CopyReport
from moorage.store.findings import Finding
from moorage.store.links import parse_link
from moorage.store.torn import named_last
from moorage.store.tree import Tree

READS_AT_ONCE: Final = 16


@dataclass
class Found:
    """What was read. Digests are as they were pushed, each with the canonical one; tags have the digest that they hold."""

    name: Name
    tags: dict[Tag, Digest] = field(default_factory=dict)
    history: dict[Tag, list[Digest]] = field(default_factory=dict)
    revisions: dict[Digest, Digest] = field(default_factory=dict)
    layers: dict[Digest, Digest] = field(default_factory=dict)

    def canonical(self, digest: Digest) -> Digest | None:
        """The digest under which the content of `digest` is stored; None if the repository may not serve it."""
        return self.layers.get(digest) or self.revisions.get(digest)


class SourceReading:
    """Reads one repository. Every link is read: its folder is also listed where it was deleted, on a disk, or where something else
    lies beside it, such as the signatures of old registries or an empty object that stands for the folder."""

    def __init__(self, tree: Tree, name: Name, report: CopyReport) -> None:
        self._tree = tree
        self._name = name
        self._report = report
        self.found = Found(name)

    async def read(self) -> Found:
        """Raises DriverError."""
        tags = await self._tree.names(layout.tags(self._name))
        await abreast(READS_AT_ONCE, map(Tag, tags), self._tag)
        await self._links(layout.revisions(self._name), layout.revision_link, self.found.revisions)
        await self._links(layout.layers(self._name), layout.layer_link, self.found.layers)
        return self.found

    async def _tag(self, tag: Tag) -> None:
        path = layout.tag_link(self._name, tag)
        link = await self._tree.read(path)
        if link is None:
            return
        try:
            digest: Digest | None = parse_link(link)
        except DigestInvalid:
            digest = await named_last(self._tree, self._name, tag)
        if digest is None:
            self._torn(path)
            return
        self.found.tags[tag] = digest
        self.found.history[tag], _ = await self._tree.digests(layout.tag_index(self._name, tag))

    async def _links(
        self, folder: str, path_of: Callable[[Name, Digest], str], found: dict[Digest, Digest]
    ) -> None:
        digests, _ = await self._tree.digests(folder)

        async def look(digest: Digest) -> None:
            path = path_of(self._name, digest)
            link = await self._tree.read(path)
            if link is None:
                return
            canonical = leads_to(digest, link)
            if canonical is None:
                self._torn(path)
            else:
                found[digest] = canonical

        await abreast(READS_AT_ONCE, digests, look)

    def _torn(self, path: str) -> None:
        detail = "nothing tells what it held"
        self._report.tell(Finding("torn-link", path, repository=self._name, detail=detail))
