"""Links, what they lead to, and waiting for what a task does in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from moorage.digest import Digest
from moorage.names import Name
from moorage.store import layout
from moorage.store.blobstore import Blob
from moorage.store.descriptors.base import Descriptors

WAIT_SECONDS = 30.0
"""Far longer than anything here takes."""


def fact(number: int) -> tuple[str, Blob]:
    digest = Digest.of(b"%d" % number)
    return layout.layer_link(Name("team/app"), digest), Blob(digest, number)


LINK, KNOWN = fact(1)
OTHER_LINK, OTHER = fact(22)


async def eventually(found: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `found` answers yes. Raises TimeoutError."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await found():
            await asyncio.sleep(0.01)


async def keep(cache: Descriptors, link: str = LINK, known: Blob = KNOWN) -> None:
    """Read the fact again and again until it is kept."""

    async def kept() -> bool:
        await cache.put(link, known, time.monotonic())
        return await cache.get(link) == known

    await eventually(kept)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
