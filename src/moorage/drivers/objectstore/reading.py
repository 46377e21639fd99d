"""Open objects. The store has begun to answer; an answer that stays incomplete raises an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError, PathNotFound, Reader
from moorage.drivers.objectstore.translation import translated

AGAIN_SECONDS: Final = 0.2
"""The pause before an answer that broke off is resumed."""


class ObjectReader:
    """Streams an object that never holds other bytes. What `result` answers is already on its way; another range is requested when
    it is read."""

    def __init__(self, store: ObjectStore, key: str, path: str, result: obstore.GetResult) -> None:
        self._store = store
        self._key = key
        self._path = path
        self._begun: obstore.GetResult | None = result
        self.size = result.meta["size"]
        self.data: bytes | None = None

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        """Stream a range. An answer that breaks off is resumed, as long as each one yields some bytes: obstore itself resumes only
        in the first seconds of a download, and layers take longer."""
        position = start
        while position < stop:
            begun = position
            try:
                async for part in self._once(position, stop, piece):
                    position += len(part)
                    yield part
            except PathNotFound:
                raise
            except DriverError:
                if position == begun:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)

    async def _once(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes]:
        position = start
        with translated(self._path):
            result = await self._range(start, stop)
            async for chunk in result.stream(min_chunk_size=piece):
                for begin in range(0, len(chunk), piece):
                    part = chunk if len(chunk) <= piece else chunk[begin : begin + piece]
                    position += len(part)
                    yield part
        if position != stop:
            raise DriverError(self._path, f"the store ended its answer {stop - position} bytes early")

    async def _range(self, start: int, stop: int) -> obstore.GetResult:
        begun, self._begun = self._begun, None
        if begun is not None and (start, stop) == begun.range:
            return begun
        # Without a condition: the same bytes in other parts have another entity tag, and pushing a blob again must not disturb
        # its readers.
        options: obstore.GetOptions = {"range": (start, stop)}
        result = await obstore.get_async(self._store, self._key, options=options)
        if result.meta["size"] != self.size:
            raise DriverError(self._path, f"it had {self.size} bytes, and now has {result.meta['size']}")
        return result

    def close(self) -> None:
        self._begun = None


class ChainReader:
    """Reads several objects, given with their sizes, as if they were one. Each is opened when its turn comes."""

    def __init__(
        self, open_object: Callable[[str], Awaitable[Reader]], sources: Sequence[tuple[str, int]]
    ) -> None:
        self._open = open_object
        self._sources = sources
        self.size = sum(size for _, size in sources)
        self.data: bytes | None = None

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        begin = 0
        for path, size in self._sources:
            first, last = max(start - begin, 0), min(stop - begin, size)
            begin += size
            if first < last:
                reader = await self._open(path)
                if reader.size != size:
                    raise DriverError(path, f"a segment has {reader.size} bytes instead of {size}")
                async for part in reader.stream(first, last, piece):
                    yield part

    def close(self) -> None:
        return None
