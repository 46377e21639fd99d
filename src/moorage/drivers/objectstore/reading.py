"""Open objects. The store has begun to answer; an answer that stays incomplete raises an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError, Reader
from moorage.drivers.objectstore.resuming import resumed_answers


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

    def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes]:
        return resumed_answers(self._range, self._path, start, stop, piece)

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
