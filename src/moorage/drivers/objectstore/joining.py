"""One object out of the segments of an upload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.translation import translated

PARTS: Final = 10_000
"""The most parts that an object may be made of (S3, "Multipart upload limits"; the others allow more)."""

IN_FLIGHT: Final = 2
"""Parts of one upload on their way to the store, while the next one is collected."""

READ_BYTES: Final = 1 << 20


def part_size(size: int, least: int) -> int:
    """Of each part but the last, in bytes, for an object of `size` bytes: `least`, doubled until they are few enough. Equal
    sizes, for some stores refuse others (Cloudflare R2)."""
    part = least
    while part * PARTS < size:
        part *= 2
    return part


class Joiner(Protocol):
    async def join(self, sources: Sequence[tuple[str, int]], target: str, path: str) -> None:
        """Make the object `target` out of objects, given with their sizes. It is there whole or not at all. Raises
        PathNotFound when a source is missing, DriverError naming `path`."""
        ...

    async def abandoned(self, prefix: str, before: float, *, abort: bool) -> list[tuple[str, float]]:
        """Multipart uploads below `prefix` that began before that time (in seconds since the epoch), with when they did;
        aborted if asked. Raises DriverError."""
        ...

    def close(self) -> None: ...


class Through:
    """Reads and writes: for stores that cannot join by themselves, or cannot be asked to."""

    def __init__(self, store: ObjectStore, attributes: dict[str, str], part_bytes: int) -> None:
        self._store = store
        self._attributes = attributes
        self._part_bytes = part_bytes

    async def join(self, sources: Sequence[tuple[str, int]], target: str, path: str) -> None:
        size = sum(length for _, length in sources)
        buffer = part_size(size, self._part_bytes)
        with translated(path):
            async with obstore.open_writer_async(
                self._store,
                target,
                attributes=self._attributes,
                buffer_size=buffer,
                max_concurrency=IN_FLIGHT,
            ) as writer:
                for source, length in sources:
                    await self._pour(source, length, writer, path)

    async def abandoned(self, prefix: str, before: float, *, abort: bool) -> list[tuple[str, float]]:
        """None: such a store forgets them by itself, or cannot be asked for them."""
        return []

    def close(self) -> None:
        return None

    async def _pour(self, source: str, length: int, writer: obstore.AsyncWritableFile, path: str) -> None:
        result = await obstore.get_async(self._store, source)
        received = 0
        async for chunk in result.stream(min_chunk_size=READ_BYTES):
            received += len(chunk)
            await writer.write(chunk)
        if received != length:
            raise DriverError(path, f"a segment has {received} bytes instead of {length}")
