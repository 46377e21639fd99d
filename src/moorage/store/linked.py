"""Resolves links to content, and caches the result where a lookup is expensive.

A repository may serve content if both its link and the content exist. Over a network that takes two round trips, so
the result is cached by the path of the link (`store.descriptors`). A cached entry is good enough to answer a request,
since any answer only says what was true a moment ago. What a new manifest refers to has to be proven: the storage was asked not long ago,
by this process.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

from moorage.digest import Digest
from moorage.drivers.base import Part, Reader
from moorage.drivers.bounded import Bounded
from moorage.errors import BlobUnknown
from moorage.store.blobstore import Blob, BlobStore
from moorage.store.descriptors.base import Descriptors, Nothing
from moorage.store.links import Links

log = logging.getLogger(__name__)

PROVEN_SECONDS: Final = 60.0
"""How long content counts as proven after the storage was asked for it, or took it: most pushes take less. Other programs may remove objects,
too, and a client that pushes the image again to mend that should not be told that all is there."""

PROVEN_BYTES: Final = 4 << 20
FLOAT_BYTES: Final = 24


class Linked:
    """Resolves links through a cache. `lasting` means that no client may remove links, so a link that was proven a moment ago needs
    no second look. Garbage collections need no care here: `descriptors` forget what they knew before one.

    `remembers`: whether there is a cache. On a local disk there is none, and each request would tell it something."""

    def __init__(
        self,
        links: Links,
        store: BlobStore,
        descriptors: Descriptors,
        *,
        lasting: bool,
        proven_seconds: float = PROVEN_SECONDS,
    ) -> None:
        self._proven_seconds = proven_seconds
        self._links = links
        self._store = store
        self._descriptors = descriptors
        self._lasting = lasting
        self.remembers = not isinstance(descriptors, Nothing)
        self._proven = Bounded[float](PROVEN_BYTES)

    async def canonical(self, link: str, digest: Digest) -> Digest:
        """The digest under which the content is stored; whether it exists is not checked. Raises BlobUnknown without a
        link."""
        canonical = await self._links.target(link, digest)
        if canonical is None:
            raise BlobUnknown(detail={"digest": digest})
        return canonical

    async def remembered(self, link: str, *, prove: bool = False) -> Blob | None:
        """The cached entry of a link. With `prove`, None unless it is proven and the link cannot have been removed since."""
        if not self.remembers or (prove and not (self._lasting and self._is_proven(link))):
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
        await self.remember([link], known, since)
        return known

    async def prove(self, link: str, digest: Digest) -> Blob:
        """Check a link that something stored will rely on. Like `find`, but the storage is asked unless this process has asked it a
        moment ago, and then, too, for a link that a client may have removed."""
        known = await self._descriptors.get(link)
        if known is None or not self._is_proven(link):
            try:
                return await self._look_up(link, digest)
            except BlobUnknown:
                # Only what is known: the others hear of it, and forget more than this.
                if known is not None:
                    await self.forget(link)
                raise
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
        if known is None:
            await self.remember([link], Blob(canonical, reader.size), since)
        return reader

    async def remember(self, links: Iterable[str], known: Blob, since: float) -> None:
        """Cache links that were written, or looked up, after `since` (`time.monotonic()`)."""
        if not self.remembers:
            return
        for link in links:
            self._proven.put(link, since, FLOAT_BYTES)
            await self._descriptors.put(link, known, since)

    def _is_proven(self, link: str) -> bool:
        since = self._proven.get(link)
        return since is not None and time.monotonic() - since < self._proven_seconds

    async def forget(self, link: str) -> None:
        """Drop the entry of a link whose content is missing."""
        self._proven.take(link)
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
