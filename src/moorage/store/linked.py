"""What links lead to: remembered where asking is dear, else asked of the storage.

A repository may serve content if its link is there, and so is the content. Over a network that is two round trips, so both are
remembered (`store.descriptors`), by the path of the link. What is remembered is good enough for an answer, which says what was
true a moment ago. What others will rely on has to be proven.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable

from moorage.digest import Digest
from moorage.drivers.base import Reader
from moorage.errors import BlobUnknown
from moorage.store.blobstore import BlobStore
from moorage.store.descriptors.base import Blob, Descriptors
from moorage.store.links import Links

log = logging.getLogger(__name__)


class Linked:
    """`lasting`: no client may unlink content here, so what is remembered of a link is a proof. A collection is no concern of
    this module: `descriptors` forget what was known before it."""

    def __init__(self, links: Links, store: BlobStore, descriptors: Descriptors, *, lasting: bool) -> None:
        self._links = links
        self._store = store
        self._descriptors = descriptors
        self._lasting = lasting

    async def canonical(self, link: str, digest: Digest) -> Digest:
        """Under which the content lies; whether it does is not asked. Raises BlobUnknown without a link."""
        canonical = await self._links.target(link, digest)
        if canonical is None:
            raise BlobUnknown(detail={"digest": digest})
        return canonical

    async def remembered(self, link: str, *, prove: bool = False) -> Blob | None:
        """With `prove`, nothing that somebody may have removed since."""
        if prove and not self._lasting:
            return None
        return await self._descriptors.get(link)

    async def find(self, link: str, digest: Digest) -> Blob:
        """Raises BlobUnknown without the link or the content."""
        if (known := await self._descriptors.get(link)) is not None:
            return known
        since = time.monotonic()
        canonical = await self.canonical(link, digest)
        try:
            known = Blob(canonical, await self._store.size(canonical))
        except BlobUnknown:
            _warn(link)
            raise
        await self._descriptors.put(link, known, since)
        return known

    async def prove(self, link: str, digest: Digest) -> None:
        """As `find`, for what others will rely on: a link that somebody may have removed is asked for again. That the content is
        there may be remembered, for only a collection takes it away."""
        if await self._descriptors.get(link) is None:
            await self.find(link, digest)
        elif not self._lasting:
            await self.canonical(link, digest)

    async def open(self, link: str, digest: Digest) -> Reader:
        """The content. Raises BlobUnknown."""
        known = await self._descriptors.get(link)
        since = time.monotonic()
        canonical = known.digest if known else await self.canonical(link, digest)
        try:
            reader = await self._store.open(canonical)
        except BlobUnknown:
            _warn(link)
            if known is not None:
                await self.forget(link)
            raise
        if known is None:
            await self._descriptors.put(link, Blob(canonical, reader.size), since)
        return reader

    async def remember(self, links: Iterable[str], known: Blob, since: float) -> None:
        """Links that were written, or asked for, since that time (`time.monotonic()`)."""
        for link in links:
            await self._descriptors.put(link, known, since)

    async def forget(self, link: str) -> None:
        """What it was said to lead to is not there."""
        await self._descriptors.drop(link)

    @contextlib.asynccontextmanager
    async def removing(self, *links: str) -> AsyncIterator[None]:
        """Links go in this block. Forgotten before, for this process may die in it, and after, for what others read meanwhile."""
        await self._descriptors.drop(*links)
        try:
            yield
        finally:
            await self._descriptors.drop(*links)


def _warn(link: str) -> None:
    """Somebody removed the content, or it is damaged; or the reference implementation collected it, and left the link."""
    log.warning("a link leads to content that is not there: push it again", extra={"link": link})
