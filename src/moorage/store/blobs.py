"""The blobs of one repository: which of the registry's content it may serve."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from moorage.digest import CANONICAL, Digest, Hashes
from moorage.drivers.base import Driver, Part, PathNotFound, Reader
from moorage.errors import BlobUnknown
from moorage.names import Name
from moorage.store import layout
from moorage.store.blobstore import Blob, BlobStore
from moorage.store.hashing import read_through
from moorage.store.linked import Linked
from moorage.store.removal import discard


class RepositoryBlobs:
    """The blobs that one repository may serve. Methods raise BlobUnknown without the link or the content.

    A blob has a link by its canonical digest. One that was pushed under a digest of another algorithm also has an alias, a link
    that leads to the canonical digest. An alias counts only together with the blob's link: so a deletion under one digest takes
    the blob under all of them, without searching for the others."""

    def __init__(self, name: Name, driver: Driver, store: BlobStore, linked: Linked) -> None:
        self._name = name
        self._driver = driver
        self._store = store
        self._linked = linked
        self.redirects = driver.redirects
        self.distant = driver.distant

    async def stat(self, digest: Digest) -> Blob:
        return await self._linked.find(*await self._resolve(digest))

    async def prove(self, digest: Digest, sizes: Iterable[int] = ()) -> None:
        """Like `stat`, but trusts no cached link that a client may have removed: for blobs that a manifest will refer to.

        `sizes`: those that the manifest tells, of which several or none may be true. One that the blob has not may mean that the blob
        is not whole."""
        blob = await self._linked.prove(*await self._resolve(digest))
        other = next((size for size in sizes if size > 0 and size != blob.size), None)
        if other is not None:
            await self._store.attest(blob.digest, other)

    async def open(self, digest: Digest, part: Part | None = None) -> Reader:
        """A reader of the blob, for all of it or a part."""
        return await self._linked.open(*await self._resolve(digest), part)

    async def digest_from(self, blob: Blob, start: int) -> Digest:
        """The canonical digest of the blob's bytes from `start` on, which are read for it."""
        if not start:
            return blob.digest
        hashes = Hashes()
        reader = await self.open(blob.digest)
        try:
            await read_through(reader, start, blob.size, hashes)
        finally:
            reader.close()
        return hashes.digests()[CANONICAL]

    async def _resolve(self, digest: Digest) -> tuple[str, Digest]:
        """The blob's link, whose existence is not checked, and its canonical digest. Raises BlobUnknown without an alias."""
        link = self._link(digest)
        if digest.canonical:
            return link, digest
        canonical = await self._linked.canonical(link, digest)
        return self._link(canonical), canonical

    async def direct(self, digest: Digest, method: str, client: str) -> tuple[str, Blob] | None:
        """The URL from which the client can fetch the blob, and the blob; None if the registry has to serve it. Raises
        BlobUnknown. Without `redirects` there is never a URL."""
        blob = await self.stat(digest)
        url = await self._driver.direct(layout.blob_data(blob.digest), method, client)
        return None if url is None else (url, blob)

    async def adopt(
        self, path: str, blob: Blob, aliases: tuple[Digest, ...], *, mark: str, remove: Sequence[str]
    ) -> None:
        """Move a verified file to its final place and let this repository serve it, also under digests of other
        algorithms; then `remove` files and folders. A file that is already there is replaced, because it may be
        damaged. Its readers keep the old bytes, or over a network may continue with the new ones."""
        since = time.monotonic()
        links, others = self._links_to(blob.digest, aliases)
        files = [(place, blob.digest.encode()) for place in (*others, *links)]
        await self._driver.move(path, layout.blob_data(blob.digest), files, mark=mark, remove=remove)
        await self._linked.remember(links[:1], blob, since)

    async def link(self, blob: Blob, aliases: tuple[Digest, ...]) -> None:
        """Let this repository serve a blob that is in place, also under digests of other algorithms."""
        since = time.monotonic()
        links, others = self._links_to(blob.digest, aliases)
        await self._driver.write([(place, blob.digest.encode()) for place in (*others, *links)])
        await self._linked.remember(links[:1], blob, since)

    def _links_to(self, canonical: Digest, aliases: tuple[Digest, ...]) -> tuple[list[str], list[str]]:
        """The paths of this repository's link and its aliases, and those of the registry's aliases."""
        others = [alias for alias in aliases if not alias.canonical]
        return [self._link(one) for one in (canonical, *others)], [layout.alias(one) for one in others]

    async def mount(self, digest: Digest, source: Name | None) -> Blob:
        """Let this repository serve a blob of another one; of any one if `source` is None, which is only for clients
        that may read them all. Raises BlobUnknown."""
        if source is None and digest.canonical:
            blob = Blob(digest, await self._store.size(digest))
        else:
            place = layout.alias(digest) if source is None else layout.layer_link(source, digest)
            canonical = await self._linked.canonical(place, digest)
            if source is not None and not digest.canonical:
                await self._linked.canonical(layout.layer_link(source, canonical), canonical)
            blob = Blob(canonical, await self._store.size(canonical))
        await self.link(blob, (digest,))
        return blob

    async def delete(self, digest: Digest) -> None:
        """Remove the link, and the alias if the digest is one. The bytes stay until garbage collection."""
        named = self._link(digest)
        link = self._link(await self._linked.canonical(named, digest))
        async with self._linked.removing(link):
            try:
                await self._driver.delete(link)
            except PathNotFound:
                raise BlobUnknown(detail={"digest": digest}) from None
            if named != link:
                await discard(self._driver, named)

    def _link(self, digest: Digest) -> str:
        return layout.layer_link(self._name, digest)
