"""What a cache of descriptors promises: that a link was there, and where it led.

An entry says: the link at this path of the storage is there, and leads to content of this digest and size. It is true
when it is made, and stays true until the link or its content is removed; so whoever removes has to say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from moorage.digest import Digest


@dataclass(frozen=True, slots=True)
class Blob:
    """Content: `digest` is the canonical one, under which the bytes lie; `size` in bytes."""

    digest: Digest
    size: int


class Descriptors(Protocol):
    """Links are paths below the driver's root. No method raises because the cache is out of reach."""

    @property
    def failures(self) -> int:
        """How often it was out of reach."""
        ...

    async def get(self, link: str) -> Blob | None:
        """None: not known, so ask the storage."""
        ...

    async def put(self, link: str, known: Blob, since: float) -> None:
        """Keep what the storage told, if nothing was dropped or cleared after `since`, which is `time.monotonic()` from
        before the storage was asked (or began to write the link), and after `get`. It may be not kept at all."""
        ...

    async def drop(self, *links: str) -> None:
        """Links go. Call it before they are removed, so that a crash in between leaves no entry, and again when they
        are gone, for what others have read and put in the meantime."""
        ...

    async def clear(self) -> None:
        """Whatever was read until now may be wrong."""
        ...

    async def close(self) -> None: ...


class Nothing:
    """Remembers nothing."""

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
