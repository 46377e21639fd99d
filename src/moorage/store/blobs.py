"""Blobs: content under its digest, once for the whole registry, and which repository may serve it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from moorage.digest import EMPTY, Digest
from moorage.drivers.base import Damaged, Driver, PathNotFound, Reader
from moorage.errors import BlobUnknown
from moorage.names import Name
from moorage.store import layout
from moorage.store.links import Links

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blob:
    """`digest` is the canonical one, under which the bytes lie; `size` in bytes."""

    digest: Digest
    size: int


class BlobStore:
    """Every blob, whatever repository it belongs to. Takes canonical digests; raises BlobUnknown."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def size(self, digest: Digest) -> int:
        try:
            found = await self._driver.stat(layout.blob_data(digest))
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None
        self._check(digest, found.size)
        return found.size

    async def open(self, digest: Digest) -> Reader:
        try:
            reader = await self._driver.open(layout.blob_data(digest))
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None
        try:
            self._check(digest, reader.size)
        except BaseException:
            reader.close()
            raise
        return reader

    async def read(self, digest: Digest) -> bytes:
        """The whole of a small blob, verified: damaged content is unknown content."""
        try:
            data = await self._driver.read(layout.blob_data(digest))
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None
        if Digest.of(data) != digest:
            log.error("damaged blob: push it again to repair it", extra={"digest": digest})
            raise BlobUnknown(detail={"digest": digest})
        return data

    def _check(self, digest: Digest, size: int) -> None:
        # What a crash of the reference implementation leaves behind.
        if size == 0 and digest != EMPTY:
            log.error("empty file where a blob should be: push it again", extra={"digest": digest})
            raise BlobUnknown(detail={"digest": digest})

    def _unknown(self, digest: Digest, reason: PathNotFound) -> BlobUnknown:
        if isinstance(reason, Damaged):
            log.error(
                "damaged blob: push it again to repair it", extra={"digest": digest, "reason": str(reason)}
            )
        return BlobUnknown(detail={"digest": digest})


class RepositoryBlobs:
    """The blobs that one repository may serve. Raises BlobUnknown."""

    def __init__(self, name: Name, driver: Driver, store: BlobStore, links: Links) -> None:
        self._name = name
        self._driver = driver
        self._store = store
        self._links = links
        self.redirects = driver.redirects

    async def stat(self, digest: Digest) -> Blob:
        canonical = await self._resolve(digest)
        return Blob(canonical, await self._store.size(canonical))

    async def open(self, digest: Digest) -> Reader:
        return await self._store.open(await self._resolve(digest))

    async def direct(self, digest: Digest, method: str, client: str) -> str | None:
        """The URL from which the client may get the blob, which is there; None when it has to come through us. Raises
        BlobUnknown. Not worth asking without `redirects`."""
        blob = await self.stat(digest)
        return await self._driver.direct(layout.blob_data(blob.digest), method, client)

    async def adopt(
        self, path: str, canonical: Digest, aliases: tuple[Digest, ...], *, mark: str, remove: str
    ) -> None:
        """Move a verified file to its final place, and let this repository serve it, also under digests of other
        algorithms; then the folder `remove` goes. What lies there already is replaced: it may be damaged, and
        whoever is reading it keeps the old bytes."""
        links = self._links_to(canonical, aliases)
        target = layout.blob_data(canonical)
        await self._driver.move(path, target, links, mark=mark, remove=remove)

    async def link(self, canonical: Digest, aliases: tuple[Digest, ...] = ()) -> None:
        """Let this repository serve a blob that is in place, also under digests of other algorithms."""
        await self._driver.write(self._links_to(canonical, aliases))

    def _links_to(self, canonical: Digest, aliases: tuple[Digest, ...]) -> list[tuple[str, bytes]]:
        others = [alias for alias in aliases if not alias.canonical]
        links = [layout.layer_link(self._name, digest) for digest in (canonical, *others)]
        return [(path, canonical.encode()) for path in (*map(layout.alias, others), *links)]

    async def mount(self, digest: Digest, source: Name | None) -> Blob:
        """Serve a blob of another repository here too; of any repository when `source` is None, which is only
        for callers who may read them all. Raises BlobUnknown."""
        link = layout.alias(digest) if source is None else layout.layer_link(source, digest)
        anywhere = source is None and digest.canonical
        canonical = digest if anywhere else await self._links.target(link, digest)
        if canonical is None:
            raise BlobUnknown(detail={"digest": digest})
        blob = Blob(canonical, await self._store.size(canonical))
        await self.link(canonical, (digest,))
        return blob

    async def delete(self, digest: Digest) -> None:
        """The link goes; the bytes stay until garbage collection."""
        await self._resolve(digest)
        try:
            await self._driver.delete(layout.layer_link(self._name, digest))
        except PathNotFound:
            raise BlobUnknown(detail={"digest": digest}) from None

    async def _resolve(self, digest: Digest) -> Digest:
        canonical = await self._links.target(layout.layer_link(self._name, digest), digest)
        if canonical is None:
            raise BlobUnknown(detail={"digest": digest})
        return canonical
