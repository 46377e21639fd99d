"""Finds everything that may be removed, without changing anything.

Each repository is marked on its own, so that damage in one never affects another. From one to the next, only the keys
of needed content and what will be removed stay in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from moorage.digest import Digest
from moorage.drivers.base import Driver, FileInfo, Obstructed, PathNotFound
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.ages import Age
from moorage.store.ahead import ahead_of, answers
from moorage.store.contents import Contents, Key, digest_of, is_canonical, key, leads_to, target
from moorage.store.garbage import marking
from moorage.store.garbage.sweeping import Garbage
from moorage.store.garbage.tagged import TaggedReading
from moorage.store.listing import digests_and_others, names_in
from moorage.store.tree import Tree


@dataclass
class Counts:
    repositories: int = 0
    manifests: int = 0
    blobs: int = 0
    damaged: int = 0
    """Manifests whose bytes are missing, do not match their digest, or are not a manifest."""
    young: int = 0
    """Blobs that nothing needs yet, and that stay because they may be part of a push."""


class RepositoriesMissing(Exception):
    """There are blobs and no folder of repositories, so nothing shows which blobs are needed."""


class Search:
    """A search of the whole registry. Blobs and untagged manifests written in the last `grace` seconds stay."""

    def __init__(self, driver: Driver, *, delete_untagged: bool, grace: float) -> None:
        self.tree = Tree(driver)
        self.counts = Counts()
        self.garbage = Garbage()
        self._driver = driver
        self._delete_untagged = delete_untagged
        self._grace = Age(grace) if grace > 0 else None
        self._marked: set[Key] = set()

    async def empty(self) -> bool:
        """Whether there is neither a registry nor anything that a copy left."""
        return await self.tree.empty() and not await self._unfinished()

    async def run(self) -> None:
        """Fill `garbage` and `counts`. Raises DriverError or RepositoriesMissing, after which `garbage` means nothing."""
        await self._copies()
        if await self.tree.empty():
            return
        catalogued = {name: "_manifests" in folders async for name, folders in self.tree.repositories()}
        if not catalogued:
            await self._require_repositories()
        some = 1 + ahead_of(self._driver) // 4
        async for name, contents in answers(catalogued, self._read, ahead=some):
            await self._decide(contents, catalogued[name])
        await self._blobs()
        async for _ in answers(catalogued, self._layers, ahead=some):
            pass

    async def _copies(self) -> None:
        for name in await self._unfinished():
            path = f"{layout.COPYING}/{name}"
            try:
                self.garbage.copies.append((path, (await self._driver.written(path)).size))
            except PathNotFound:
                continue

    async def _unfinished(self) -> list[str]:
        """Names of blobs that copies had begun to write. A copy that is under way excludes the collection by the same lock;
        where there are no locks, copies do not stage their blobs."""
        return await names_in(self._driver, layout.COPYING) if self._driver.exclusive else []

    async def _require_repositories(self) -> None:
        """Refuse a half-restored backup and a volume that is not mounted. On a disk the folder stays when the last repository
        is removed; an object store does not have empty folders, so its absence proves nothing there."""
        if self._driver.distant or await self._driver.is_folder(layout.REPOSITORIES):
            return
        if layout.BLOBS.rpartition("/")[2] in await self._driver.children(layout.ROOT):
            raise RepositoriesMissing(
                f"{layout.REPOSITORIES} is missing although there are blobs: "
                "restore or mount it, finish the copy that was interrupted, or create it empty if no repository is left"
            )

    # Marking

    async def _read(self, name: Name) -> Contents:
        reading = TaggedReading(self.tree, name)
        contents = reading.contents
        if not Name.is_valid(name):
            contents.whole = False
            self.tree.warn("not a repository name; what lies there is kept", layout.repository(name))
        await reading.manifests()
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
        if self._grace is None:
            return keep
        young = []
        # An image may be waiting for the index that will name it.
        for found in contents.manifests.keys() - keep:
            modified = await self.tree.modified(layout.revision_link(contents.name, digest_of(found)))
            if modified is None or self._grace.spares(modified):
                young.append(found)
        return marking.kept(contents, young)

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
        """Mark what the alias leads to. Returns False if that is unknown."""
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
            (name, layout.folder_of(layout.referrer_link(name, digest_of(subject), digest_of(found))))
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
                (contents.name, layout.folder_of(layout.tag_index_link(contents.name, tag, digest)))
                for digest in digests
                if key(digest) in doomed
            ]

    async def _blobs(self) -> None:
        unmarked: list[Digest] = []
        shards = await self.tree.names(layout.CANONICAL_BLOBS)
        folders = [f"{layout.CANONICAL_BLOBS}/{shard}" for shard in shards]
        async for folder, names in self.tree.ask(folders, self.tree.names):
            digests, others = digests_and_others(names)
            for name in others:
                self.tree.warn("not a blob, left alone", f"{folder}/{name}")
            self.counts.blobs += len(digests)
            unmarked += [digest for digest in digests if key(digest) not in self._marked]
        async for digest, found in self.tree.ask(unmarked, self._info):
            self._condemn_blob(digest, found)

    async def _info(self, digest: Digest) -> FileInfo | None:
        try:
            return await self._driver.stat(layout.blob_data(digest))
        except (PathNotFound, Obstructed):
            return None

    def _condemn_blob(self, digest: Digest, found: FileInfo | None) -> None:
        """Condemn a blob, even if its size is unknown. With a grace period, a blob that is young or of unknown age stays."""
        if self._grace is not None and (found is None or self._grace.spares(found.modified)):
            self._marked.add(key(digest))
            self.counts.young += 1
        else:
            self.garbage.blobs.append((digest, found.size if found else 0))

    async def _layers(self, name: Name) -> None:
        """Condemn links whose blob is removed, now or earlier. A link to a blob that stays is kept, needed or not: a client
        that pushes the same layer again need not send it."""
        digests, others = await self.tree.digests(layout.layers(name))
        for path in others:
            self.tree.warn("not a layer link, left alone", path)
        for digest in digests:
            # The bytes of a canonical link tell nothing more, and are not read.
            link = b"" if digest.canonical else await self.tree.read(layout.layer_link(name, digest))
            canonical = leads_to(digest, link) if link is not None else None
            if canonical is not None and key(canonical) not in self._marked:
                self.garbage.layers.append((name, digest))

    # While the garbage is removed

    async def spare(self, name: Name) -> None:
        """Some of the repository's garbage could not be removed: what the repository names now stays, too."""
        contents = await self._read(name)
        await self._mark(contents, set(contents.manifests))
        self.garbage.layers = [one for one in self.garbage.layers if one[0] != name]
        await self._layers(name)
        self._spare_marked()

    def spare_layers(self, digests: Iterable[Digest]) -> None:
        """Links to these layers could not be removed: their blobs stay. A link of another algorithm alone serves nothing."""
        self._marked.update(key(digest) for digest in digests if digest.canonical)
        self._spare_marked()

    def _spare_marked(self) -> None:
        self.garbage.blobs = [one for one in self.garbage.blobs if key(one[0]) not in self._marked]
