"""Find all that may go, without changing anything.

Each repository is marked on its own, so that what is broken in one never decides about another. Between two of them
only the keys of needed content stay in memory, and what will be removed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from moorage.digest import CANONICAL, Digest
from moorage.drivers.base import Driver, FileInfo, PathNotFound
from moorage.errors import DigestInvalid, NameInvalid
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.ahead import ahead_of, answers
from moorage.store.contents import Contents, Key, Reading, digest_of, is_canonical, key, target
from moorage.store.garbage import marking
from moorage.store.garbage.sweeping import Garbage
from moorage.store.tree import Tree


@dataclass
class Counts:
    repositories: int = 0
    manifests: int = 0
    blobs: int = 0
    damaged: int = 0
    """Manifests whose bytes are missing, or are not what their digest says, or make no manifest."""


class Search:
    """`grace` in seconds: blobs, and untagged manifests, that were written since then stay."""

    def __init__(self, driver: Driver, *, delete_untagged: bool, grace: float) -> None:
        self.tree = Tree(driver)
        self.counts = Counts()
        self.garbage = Garbage()
        self._driver = driver
        self._delete_untagged = delete_untagged
        self._young = time.time() - grace if grace > 0 else None
        self._marked: set[Key] = set()

    async def run(self) -> None:
        """Fill `garbage` and `counts`. Raises DriverError, after which `garbage` means nothing."""
        if await self.tree.empty():
            return
        catalogued = {name: "_manifests" in folders async for name, folders in self.tree.repositories()}
        some = 1 + ahead_of(self._driver) // 4
        async for name, contents in answers(catalogued, self._read, ahead=some):
            await self._decide(contents, catalogued[name])
        await self._blobs()
        async for _ in answers(catalogued, self._layers, ahead=some):
            pass

    # Marking

    async def _read(self, name: Name) -> Contents:
        reading = Reading(self.tree, name)
        contents = reading.contents
        if not _is_valid(name):
            contents.whole = False
            self.tree.warn("not a repository name; what lies there is kept", layout.repository(name))
        await reading.manifests()
        if self._delete_untagged or not contents.manifests:
            await reading.tags()
        return contents

    async def _decide(self, contents: Contents, catalogued: bool) -> None:
        self.counts.repositories += 1
        self.counts.manifests += len(contents.manifests)
        self.counts.damaged += contents.damaged
        keep = await self._kept(contents) if self._delete_untagged else set(contents.manifests)
        await self._mark(contents, keep)
        await self._condemn(contents, keep, catalogued)

    async def _kept(self, contents: Contents) -> set[Key]:
        keep = marking.kept(contents)
        if self._young is None:
            return keep
        young = [found for found in contents.manifests.keys() - keep if await self._is_young(contents, found)]
        return marking.kept(contents, young)

    async def _is_young(self, contents: Contents, manifest: Key) -> bool:
        """An image may be waiting for the index that will name it."""
        modified = await self.tree.modified(layout.revision_link(contents.name, digest_of(manifest)))
        return modified is None or self._young is None or modified >= self._young

    async def _mark(self, contents: Contents, keep: set[Key]) -> None:
        whole = contents.whole
        for found in marking.named_by(contents, keep):
            canonical = found if is_canonical(found) else contents.aliases.get(found)
            if canonical is not None:
                self._marked.add(canonical)
            else:
                whole = await self._mark_alias(contents.name, digest_of(found)) and whole
        if not whole:
            await self._mark_layers(contents.name)

    async def _mark_alias(self, name: Name, alias: Digest) -> bool:
        """False when nothing tells what the alias leads to."""
        path = layout.layer_link(name, alias)
        link = await self.tree.read(path)
        if link is None:
            return True
        canonical = target(link)
        if canonical is None:
            self.tree.warn("torn link: push its content again; all layers of its repository are kept", path)
            return False
        self._marked.add(key(canonical))
        return True

    async def _mark_layers(self, name: Name) -> None:
        digests, _ = await self.tree.digests(layout.layers(name))
        self._marked.update(key(digest) for digest in digests if digest.canonical)

    # Condemning

    async def _condemn(self, contents: Contents, keep: set[Key], catalogued: bool) -> None:
        name = contents.name
        expired = marking.expired_tags(contents, keep) if self._delete_untagged else []
        doomed = contents.manifests.keys() - keep
        self.garbage.tags += [(name, tag) for tag in expired]
        self.garbage.manifests += [
            (name, digest_of(found)) for found in contents.manifests if found in doomed
        ]
        self.garbage.aliases += [
            (name, digest_of(alias)) for alias, found in contents.aliases.items() if found in doomed
        ]
        self.garbage.referrers += [
            _folder(layout.referrer_link(name, digest_of(subject), digest_of(found)))
            for found in doomed
            if (subject := contents.manifests[found].subject) is not None
        ]
        if doomed:
            await self._condemn_history(contents, doomed, set(expired))
        if (
            catalogued
            and contents.whole
            and contents.tidy
            and not keep
            and len(expired) == len(contents.tags)
        ):
            self.garbage.repositories.append(name)

    async def _condemn_history(self, contents: Contents, doomed: set[Key], expired: set[Tag]) -> None:
        for tag in contents.tags.keys() - expired:
            digests, _ = await self.tree.digests(layout.tag_index(contents.name, tag))
            self.garbage.history += [
                _folder(layout.tag_index_link(contents.name, tag, digest))
                for digest in digests
                if key(digest) in doomed
            ]

    async def _blobs(self) -> None:
        unmarked: list[Digest] = []
        shards = await self.tree.names(layout.CANONICAL_BLOBS)
        folders = [f"{layout.CANONICAL_BLOBS}/{shard}" for shard in shards]
        async for folder, names in self.tree.ask(folders, self.tree.names):
            for hexadecimal in names:
                try:
                    digest = Digest.parse(f"{CANONICAL}:{hexadecimal}")
                except DigestInvalid:
                    self.tree.warn("not a blob, left alone", f"{folder}/{hexadecimal}")
                    continue
                self.counts.blobs += 1
                if key(digest) not in self._marked:
                    unmarked.append(digest)
        async for digest, found in self.tree.ask(unmarked, self._info):
            self._condemn_blob(digest, found)

    async def _info(self, digest: Digest) -> FileInfo | None:
        try:
            return await self._driver.stat(layout.blob_data(digest))
        except PathNotFound:
            return None

    def _condemn_blob(self, digest: Digest, found: FileInfo | None) -> None:
        """It goes whatever its size, also when that is not known; unless its age matters, which nothing tells then."""
        young = self._young is not None and (found is None or found.modified >= self._young)
        if young:
            self._marked.add(key(digest))
        else:
            self.garbage.blobs.append((digest, found.size if found else 0))

    async def _layers(self, name: Name) -> None:
        """Links whose blob goes, or went before. One to a blob that lives on stays, needed here or not: a client
        that pushes the same layer again need not send it."""
        digests, others = await self.tree.digests(layout.layers(name))
        for path in others:
            self.tree.warn("not a layer link, left alone", path)
        for digest in digests:
            canonical: Digest | None = digest
            if not digest.canonical:
                link = await self.tree.read(layout.layer_link(name, digest))
                canonical = target(link) if link is not None else None
            if canonical is not None and key(canonical) not in self._marked:
                self.garbage.layers.append((name, digest))


def _is_valid(name: Name) -> bool:
    try:
        Name.parse(name)
    except NameInvalid:
        return False
    return True


def _folder(file: str) -> str:
    return file.rpartition("/")[0]
