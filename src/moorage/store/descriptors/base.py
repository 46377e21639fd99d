"""What a cache of descriptors promises: that a link existed, and where it led.

An entry says that the link at this path of the storage exists, and leads to content of this digest and size. It is true
when it is made, and stays true until the link or its content is removed; so any code that removes them has to drop it.
"""

from __future__ import annotations

from typing import Protocol

from moorage.store.blobstore import Blob


class Descriptors(Protocol):
    """A cache of resolved links, which are paths below the driver's root. No method raises if the cache is out of reach."""

    @property
    def failures(self) -> int:
        """How often the cache was out of reach."""
        ...

    async def get(self, link: str) -> Blob | None:
        """The entry of a link; None if it is unknown and the storage has to be asked."""
        ...

    async def put(self, link: str, known: Blob, since: float) -> None:
        """Keep an answer of the storage, unless something was dropped or cleared after `since`: the `time.monotonic()` after
        `get`, and before the storage was asked or began to write the link. The cache need not keep the entry at all."""
        ...

    async def drop(self, *links: str) -> None:
        """Forget links. Call it before they are removed, so that a crash in between leaves no entry, and again once they are
        gone, because others may have read them and put them here in the meantime."""
        ...

    async def clear(self) -> None:
        """Forget everything: whatever was read until now may be wrong."""
        ...

    async def close(self) -> None: ...


class Nothing:
    """A cache that keeps nothing."""

    failures = 0

    async def get(self, link: str) -> Blob | None:
        return None

    async def put(self, link: str, known: Blob, since: float) -> None:
        return None

    async def drop(self, *links: str) -> None:
        return None

    async def clear(self) -> None:
        return None

    async def close(self) -> None:
        return None
