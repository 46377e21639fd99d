"""Garbage collection, while nothing is pushed: mark what the manifests need, remove the rest.

Linear in manifests plus tags plus blobs. Whatever the storage fails to tell aborts the collection before anything is
removed: what cannot be read is not garbage.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from moorage.digest import ALGORITHMS, Digest
from moorage.drivers.base import DriverError, PathNotFound
from moorage.errors import BlobUnknown, DigestInvalid, ManifestInvalid, ManifestUnknown, NameUnknown
from moorage.manifest import Manifest, parse
from moorage.names import Name
from moorage.store import layout
from moorage.store.registry import Registry
from moorage.store.repository import Repository

log = logging.getLogger(__name__)

Report = Callable[[str], None]


class CollectionAborted(Exception):
    """The storage could not tell all that the collection has to know. Nothing was removed."""


@dataclass
class Collection:
    """What was found, and what went (or would go). Sizes in bytes."""

    repositories: int = 0
    manifests: int = 0
    blobs: int = 0
    damaged: int = 0
    removed_manifests: list[tuple[Name, Digest]] = field(default_factory=list)
    removed_links: list[tuple[Name, Digest]] = field(default_factory=list)
    removed_blobs: list[Digest] = field(default_factory=list)
    freed: int = 0

    def as_dict(self) -> dict[str, object]:
        return {
            "repositories": self.repositories,
            "manifests": self.manifests,
            "blobs": self.blobs,
            "damaged_manifests": self.damaged,
            "removed_manifests": [
                {"repository": name, "digest": digest} for name, digest in self.removed_manifests
            ],
            "removed_layer_links": len(self.removed_links),
            "removed_blobs": self.removed_blobs,
            "freed_bytes": self.freed,
        }

    def summary(self, dry_run: bool) -> str:
        would = "would be " if dry_run else ""
        return (
            f"{self.repositories} repositories, {self.manifests} manifests, {self.blobs} blobs; "
            f"{len(self.removed_manifests)} manifests and {len(self.removed_blobs)} blobs {would}removed, "
            f"{self.freed} bytes {would}freed"
        )


@dataclass
class _Contents:
    """One repository, read whole: what it has, before it is decided what it keeps."""

    repository: Repository
    manifests: dict[Digest, Manifest | None]
    """By canonical digest; None for one whose bytes are damaged, which is kept, for it may be pushed again."""
    aliases: dict[Digest, list[Digest]]
    """Other digests under which a manifest was pushed."""
    tagged: set[Digest]


async def collect(
    registry: Registry,
    *,
    dry_run: bool = False,
    delete_untagged: bool = False,
    report: Report = lambda _: None,
) -> Collection:
    """Raises CollectionAborted before the first removal. `report` gets a line for each thing that goes."""
    found = Collection()
    try:
        marked: set[Digest] = set()
        doomed: list[tuple[_Contents, Digest]] = []
        kept_layers: dict[Name, set[Digest]] = {}
        async for name in registry.names(having=("_manifests", "_layers")):
            contents = await _read(registry.repository(name), found)
            keep = _kept(contents) if delete_untagged else set(contents.manifests)
            needed = _needed(contents, keep)
            marked |= needed
            kept_layers[name] = needed
            doomed += [(contents, digest) for digest in contents.manifests if digest not in keep]
        garbage = await _unmarked(registry, marked, found)
        dangling = await _dangling(registry, kept_layers, set(garbage))
    except DriverError as error:
        raise CollectionAborted(f"the storage failed: {error}") from None
    await _sweep(registry, found, doomed, garbage, dangling, dry_run=dry_run, report=report)
    return found


async def _read(repository: Repository, found: Collection) -> _Contents:
    found.repositories += 1
    contents = _Contents(repository, {}, {}, set())
    for digest in await _revisions(repository):
        canonical = await repository.manifests.canonical(digest)
        if canonical is None:
            continue
        if canonical != digest:
            contents.aliases.setdefault(canonical, []).append(digest)
        if canonical not in contents.manifests:
            contents.manifests[canonical] = await _manifest(repository, canonical, found)
    contents.tagged = await _tagged(repository)
    found.manifests += len(contents.manifests)
    return contents


async def _revisions(repository: Repository) -> list[Digest]:
    digests = []
    for algorithm in ALGORITHMS:
        folder = f"{layout.revisions(repository.name)}/{algorithm}"
        for hexadecimal in await _children(repository, folder):
            try:
                digests.append(Digest.parse(f"{algorithm}:{hexadecimal}"))
            except DigestInvalid:
                log.warning("not a manifest link, left alone", extra={"path": f"{folder}/{hexadecimal}"})
    return digests


async def _children(repository: Repository, folder: str) -> list[str]:
    try:
        return await repository.driver.children(folder)
    except PathNotFound:
        return []


async def _manifest(repository: Repository, canonical: Digest, found: Collection) -> Manifest | None:
    try:
        return parse(await repository.store.read(canonical))
    except BlobUnknown:
        reason = "its bytes are missing or damaged"
    except ManifestInvalid as error:
        reason = error.message
    found.damaged += 1
    log.warning(
        "manifest cannot be read, kept as it is",
        extra={"repository": repository.name, "digest": canonical, "reason": reason},
    )
    return None


async def _tagged(repository: Repository) -> set[Digest]:
    digests: set[Digest] = set()
    try:
        names = await repository.tags.names()
    except NameUnknown:
        return digests
    for tag in names:
        try:
            digests.add(await repository.tags.resolve(tag))
        except ManifestUnknown:
            log.warning("tag leads nowhere", extra={"repository": repository.name, "tag": tag})
    return digests


def _kept(contents: _Contents) -> set[Digest]:
    """What tags lead to, through indexes of any depth, with the referrers of all that, and their children and
    referrers in turn. Each manifest is visited once."""
    referrers: dict[str, list[Digest]] = {}
    for digest, manifest in contents.manifests.items():
        if manifest is not None and manifest.subject is not None:
            referrers.setdefault(manifest.subject.digest, []).append(digest)
    canonical = {alias: digest for digest, aliases in contents.aliases.items() for alias in aliases}
    damaged = [digest for digest, manifest in contents.manifests.items() if manifest is None]
    keep: set[Digest] = set()
    waiting = [*contents.tagged, *damaged]
    while waiting:
        digest = waiting.pop()
        digest = canonical.get(digest, digest)
        if digest in keep or digest not in contents.manifests:
            continue
        keep.add(digest)
        for name in (digest, *contents.aliases.get(digest, ())):
            waiting += referrers.get(name, ())
        manifest = contents.manifests[digest]
        if manifest is not None:
            waiting += [Digest(child.digest) for child in manifest.manifests]
    return keep


def _needed(contents: _Contents, keep: set[Digest]) -> set[Digest]:
    """The digests, of any algorithm, of all content that the kept manifests are or name."""
    needed: set[Digest] = set(keep)
    for digest in keep:
        manifest = contents.manifests[digest]
        if manifest is not None:
            needed.update(Digest(entry.digest) for entry in (*manifest.blobs, *manifest.manifests))
    return needed


async def _unmarked(registry: Registry, marked: set[Digest], found: Collection) -> dict[Digest, int]:
    """Blobs that nothing needs, with their sizes."""
    driver = registry.stock.driver
    marked = marked | await _behind_aliases(registry, marked)
    garbage: dict[Digest, int] = {}
    try:
        shards = await driver.children(layout.CANONICAL_BLOBS)
    except PathNotFound:
        return garbage
    for shard in shards:
        for hexadecimal in await driver.children(f"{layout.CANONICAL_BLOBS}/{shard}"):
            try:
                digest = Digest.parse(f"sha256:{hexadecimal}")
            except DigestInvalid:
                log.warning(
                    "not a blob, left alone",
                    extra={"path": f"{layout.CANONICAL_BLOBS}/{shard}/{hexadecimal}"},
                )
                continue
            found.blobs += 1
            if digest not in marked:
                garbage[digest] = await _size(registry, digest)
    return garbage


async def _size(registry: Registry, digest: Digest) -> int:
    try:
        return (await registry.stock.driver.stat(layout.blob_data(digest))).size
    except PathNotFound:
        return 0


async def _behind_aliases(registry: Registry, marked: set[Digest]) -> set[Digest]:
    """The canonical digests of marked content that manifests name by another algorithm."""
    found: set[Digest] = set()
    if all(digest.canonical for digest in marked):
        return found
    async for name in registry.names(having=("_layers",)):
        repository = registry.repository(name)
        for algorithm in ALGORITHMS:
            for hexadecimal in await _children(repository, f"{layout.layers(name)}/{algorithm}"):
                alias = Digest(f"{algorithm}:{hexadecimal}")
                if not alias.canonical and alias in marked:
                    target = await registry.stock.links.target(layout.layer_link(name, alias), alias)
                    found |= {target} if target else set()
    return found


async def _dangling(
    registry: Registry, kept: dict[Name, set[Digest]], garbage: set[Digest]
) -> list[tuple[Name, Digest]]:
    """Layer links whose blob is going, or has gone."""
    dangling = []
    for name in kept:
        repository = registry.repository(name)
        for algorithm in ALGORITHMS:
            for hexadecimal in await _children(repository, f"{layout.layers(name)}/{algorithm}"):
                try:
                    digest = Digest.parse(f"{algorithm}:{hexadecimal}")
                except DigestInvalid:
                    continue
                target = await registry.stock.links.target(layout.layer_link(name, digest), digest)
                if target is not None and target in garbage:
                    dangling.append((name, digest))
    return dangling


async def _sweep(
    registry: Registry,
    found: Collection,
    doomed: list[tuple[_Contents, Digest]],
    garbage: dict[Digest, int],
    dangling: list[tuple[Name, Digest]],
    *,
    dry_run: bool,
    report: Report,
) -> None:
    """In the reverse order of writing, so that an interruption leaves nothing that leads nowhere."""
    for contents, digest in doomed:
        name = contents.repository.name
        report(f"manifest {name}@{digest}")
        if not dry_run:
            await contents.repository.manifests.delete(digest)
        found.removed_manifests.append((name, digest))
    for name, digest in dangling:
        if not dry_run:
            await _remove(registry, layout.layer_link(name, digest).removesuffix("/link"))
        found.removed_links.append((name, digest))
    for digest, size in garbage.items():
        report(f"blob {digest} {size}")
        if not dry_run:
            await _remove(registry, layout.blob_data(digest).removesuffix("/data"))
        found.removed_blobs.append(digest)
        found.freed += size


async def _remove(registry: Registry, path: str) -> None:
    try:
        await registry.stock.driver.delete(path)
    except PathNotFound:
        pass
