"""The order of a copy: every blob, then each repository."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from moorage.digest import Digest
from moorage.drivers.base import Driver
from moorage.names import Name
from moorage.store import layout
from moorage.store.abreast import abreast
from moorage.store.announcing import AnotherCollection, announced, runs
from moorage.store.contents import key, target
from moorage.store.copying.blobs import BlobCopies
from moorage.store.copying.links import LinkCopies
from moorage.store.copying.report import CopyReport
from moorage.store.copying.repository import RepositoryCopy
from moorage.store.copying.source import READS_AT_ONCE, SourceReading
from moorage.store.descriptors.trust import DEAD_SECONDS
from moorage.store.findings import Unwatched, Watch
from moorage.store.listing import digests_among
from moorage.store.live import LiveTree
from moorage.store.removal import discard

ROUNDS: Final = 2
"""The first round may take hours. What was pushed meanwhile is copied in the second."""

REPOSITORIES_AT_ONCE: Final = 4


class CopyRefused(Exception):
    """The copy cannot begin. Nothing was copied."""


async def copy_registry(source: Driver, destination: Driver, watch: Watch | None = None) -> CopyReport:
    """Copy everything that the source has and the destination lacks. A copy may be interrupted, and repeated.

    Raises CopyRefused, and DriverError when the destination fails, or the source cannot be listed or fails many times in a
    row. What has been copied by then stays, and is not sent again.
    """
    if await LiveTree(source).empty():
        raise CopyRefused("there is no registry at the source")
    report = CopyReport(watch or Unwatched())
    async with _alone(destination):
        await discard(destination, layout.COPYING, durable=False)
        blobs = BlobCopies(source, destination, report)
        for _ in range(ROUNDS):
            await blobs.copy_all()
        await _Repositories(source, destination, blobs, report).run()
        await discard(destination, layout.COPYING, durable=False)
    return report


@contextlib.asynccontextmanager
async def _alone(destination: Driver) -> AsyncIterator[None]:
    """Keep collections away, which would take blobs for garbage that no manifest needs yet. An object store has no lock that
    could keep out a collection that begins later."""
    try:
        if destination.exclusive:
            async with announced(destination):
                yield
                return
    except AnotherCollection:
        raise CopyRefused("another copy or a garbage collection works on the target") from None
    if await runs(destination):
        raise CopyRefused(
            f"a garbage collection works on the target, or died less than {DEAD_SECONDS / 60:.0f} minutes ago"
        )
    yield


class _Repositories:
    def __init__(self, source: Driver, destination: Driver, blobs: BlobCopies, report: CopyReport) -> None:
        self._tree = LiveTree(source)
        self._destination = destination
        self._blobs = blobs
        self._report = report

    async def run(self) -> None:
        await self._aliases()
        names = [name async for name, _ in self._tree.repositories()]
        self._report.watch.begin("copying repositories", len(names), 0)
        await abreast(REPOSITORIES_AT_ONCE, names, self._one)

    async def _one(self, name: Name) -> None:
        found = await SourceReading(self._tree, name, self._report).read()
        await RepositoryCopy(self._tree, self._destination, self._blobs, found, self._report).run()
        self._report.watch.advance(1, 0)

    async def _aliases(self) -> None:
        """Copy the aliases, by which a blob can be mounted under another digest without naming a repository."""
        links = LinkCopies(self._destination, self._report)
        for algorithm in await self._tree.names(layout.ALIASES):
            for shard in await self._tree.names(f"{layout.ALIASES}/{algorithm}"):
                names = await self._tree.names(f"{layout.ALIASES}/{algorithm}/{shard}")
                await links.write(await links.missing(await self._aliases_named(algorithm, names)))

    async def _aliases_named(self, algorithm: str, names: list[str]) -> dict[str, bytes]:
        """The alias files of content that the target has."""
        found: dict[str, bytes] = {}

        async def look(digest: Digest) -> None:
            path = layout.alias(digest)
            link = await self._tree.read(path)
            canonical = target(link) if link is not None else None
            if canonical is not None and key(canonical) in self._blobs.there:
                found[path] = canonical.encode()

        await abreast(READS_AT_ONCE, digests_among(names, algorithm), look)
        return found
