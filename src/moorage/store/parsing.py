"""Manifests parsed from bytes: strictly when they are pushed, leniently when they are read from the storage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from moorage.digest import Digest
from moorage.errors import BlobUnknown, ManifestInvalid
from moorage.manifest import Manifest, parse
from moorage.store.kind import kind

LARGE: Final = 256 << 10
"""Bytes above which parsing takes so long that other requests should not wait for it."""

READ_AT_ONCE: Final = 32
"""Reads in flight. Nobody knows before how large a manifest is."""

# One thread, because a manifest may take fifty times its size in memory while it is parsed.
_ASIDE: Final = ThreadPoolExecutor(1, "manifests")


def parse_stored(payload: bytes) -> Manifest:
    """The manifest in bytes that match their digest. One that `parse` refuses is served nevertheless if its kind can be
    determined, and then seems to refer to nothing. Garbage collection does not rely on that: it uses `parse`, and keeps
    the whole repository of a manifest that `parse` refuses.

    Raises ManifestInvalid.
    """
    try:
        return parse(payload)
    except ManifestInvalid:
        media_type = kind(payload)
    return Manifest(
        payload, media_type, blobs=(), manifests=(), subject=None, artifact_type=None, annotations=None
    )


async def parse_aside(payload: bytes, how: Callable[[bytes], Manifest]) -> Manifest:
    """What `how` makes of the payload. Large payloads are parsed in a thread, one at a time."""
    if len(payload) <= LARGE:
        return how(payload)
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, how, payload)


class Loading:
    """Reads and parses stored manifests, each of them once for all who ask meanwhile.

    Large ones that wait for the thread hold no bytes: they are read again when it is their turn.
    """

    def __init__(self) -> None:
        self._flights: dict[Digest, _Flight] = {}
        self._reading = asyncio.Semaphore(READ_AT_ONCE)
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def load(self, digest: Digest, read: Callable[[Digest], Awaitable[bytes]]) -> Manifest:
        """The manifest in what `read` gives for the digest. Raises its errors, and ManifestInvalid."""
        joining = digest in self._flights
        try:
            return await self._joined(digest, read)
        except (BlobUnknown, ManifestInvalid):
            if not joining:
                raise
        # That may have been read before a push that has ended since.
        return await self._joined(digest, read)

    async def _joined(self, digest: Digest, read: Callable[[Digest], Awaitable[bytes]]) -> Manifest:
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = _Flight()
            flight.task = asyncio.create_task(self._load(flight, digest, read))
        flight.asked += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.asked -= 1

    async def _load(
        self, flight: _Flight, digest: Digest, read: Callable[[Digest], Awaitable[bytes]]
    ) -> Manifest:
        try:
            payload = await self._read(digest, read)
            if len(payload) <= LARGE:
                return parse_stored(payload)
            if self._waiting:
                payload = b""
            async with self._its_turn():
                # Only here: if it was cancelled later, the thread would go on while the next turn begins.
                if not flight.asked:
                    raise asyncio.CancelledError
                return await parse_aside(payload or await self._read(digest, read), parse_stored)
        finally:
            # Before any other task runs, so that nobody joins a flight that has ended.
            del self._flights[digest]

    @contextlib.asynccontextmanager
    async def _its_turn(self) -> AsyncIterator[None]:
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    async def _read(self, digest: Digest, read: Callable[[Digest], Awaitable[bytes]]) -> bytes:
        async with self._reading:
            return await read(digest)


class _Flight:
    """A manifest on its way, and how many ask for it."""

    def __init__(self) -> None:
        self.asked = 0
        self.task: asyncio.Task[Manifest]
