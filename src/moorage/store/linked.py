"""Resolves links to content, and caches the result where a lookup is expensive.

A repository may serve content if both its link and the content exist. Over a network that takes two round trips, so
the result is cached by the path of the link (`store.descriptors`). A cached entry is good enough to answer a request,
since any answer only says what was true a moment ago. What a new manifest refers to has to be proven.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable

from moorage.digest import Digest
from moorage.drivers.base import Part, Reader
from moorage.errors import BlobUnknown
from moorage.store.blobstore import Blob, BlobStore
from moorage.store.descriptors.base import Descriptors, Nothing
from moorage.store.links import Links

log = logging.getLogger(__name__)


class Linked:
    """Resolves links through a cache. `lasting` means that no client may remove links, so a cached link is a proof. Garbage
    collections need no care here: `descriptors` forget what they knew before one.

    `remembers`: whether there is a cache. On a local disk there is none, and each request would tell it something."""

    def __init__(self, links: Links, store: BlobStore, descriptors: Descriptors, *, lasting: bool) -> None:
        self._links = links
        self._store = store
        self._descriptors = descriptors
        self._lasting = lasting
        self.remembers = not isinstance(descriptors, Nothing)

    async def canonical(self, link: str, digest: Digest) -> Digest:
        """The digest under which the content is stored; whether it exists is not checked. Raises BlobUnknown without a
        link."""
        canonical = await self._links.target(link, digest)
        if canonical is None:
            raise BlobUnknown(detail={"digest": digest})
        return canonical

    async def remembered(self, link: str, *, prove: bool = False) -> Blob | None:
        """The cached entry of a link. With `prove`, None unless the link cannot have been removed since."""
        if not self.remembers or (prove and not self._lasting):
            return None
        return await self._descriptors.get(link)

    async def find(self, link: str, digest: Digest) -> Blob:
        """The content that a link leads to. Raises BlobUnknown without the link or the content."""
        if self.remembers and (known := await self._descriptors.get(link)) is not None:
            return known
        return await self._look_up(link, digest)

    async def _look_up(self, link: str, digest: Digest) -> Blob:
        """Like `find`, of the storage; the answer is cached."""
        since = time.monotonic()
        canonical = await self.canonical(link, digest)
        try:
            known = Blob(canonical, await self._store.size(canonical))
        except BlobUnknown:
            _warn(link)
            raise
        if self.remembers:
            await self._descriptors.put(link, known, since)
        return known

    async def prove(self, link: str, digest: Digest) -> Blob:
        """Check a link that something stored will rely on. Like `find`, but a cached link that a client may have removed is
        looked up again. The cache suffices for the content itself, since only a collection removes it."""
        known = await self._descriptors.get(link)
        if known is None:
            return await self._look_up(link, digest)
        if not self._lasting:
            await self.canonical(link, digest)
        return known

    async def open(self, link: str, digest: Digest, part: Part | None = None) -> Reader:
        """A reader of the content, for all of it or a part. Raises BlobUnknown."""
        known = await self.remembered(link)
        since = time.monotonic()
        canonical = known.digest if known else await self.canonical(link, digest)
        try:
            reader = await self._store.open(canonical, part)
        except BlobUnknown:
            _warn(link)
            if known is not None:
                await self.forget(link)
            raise
        if known is None and self.remembers:
            await self._descriptors.put(link, Blob(canonical, reader.size), since)
        return reader

    async def remember(self, links: Iterable[str], known: Blob, since: float) -> None:
        """Cache links that were written, or looked up, after `since` (`time.monotonic()`)."""
        for link in links:
            await self._descriptors.put(link, known, since)

    async def forget(self, link: str) -> None:
        """Drop the entry of a link whose content is missing."""
        await self._descriptors.drop(link)

    @contextlib.asynccontextmanager
    async def removing(self, *links: str) -> AsyncIterator[None]:
        """Links are removed in this block. Their entries are dropped before it, because this process may die in it, and
        after it, because others may have cached what they read in the meantime."""
        await self._descriptors.drop(*links)
        try:
            yield
        finally:
            await self._descriptors.drop(*links)


def _warn(link: str) -> None:
    """The content was removed or is damaged, or the reference implementation collected it and left the link."""
    log.warning("a link leads to content that is not there: push it again", extra={"link": link})
