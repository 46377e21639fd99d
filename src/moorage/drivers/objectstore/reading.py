"""An open object: the answer of the store has begun, and what it lacks ends in an error."""

from __future__ import annotations

from collections.abc import AsyncIterator

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.translation import translated


class ObjectReader:
    """The whole object is on its way already; any other range of the same version is asked for when it is wanted."""

    def __init__(self, store: ObjectStore, key: str, path: str, result: obstore.GetResult) -> None:
        self._store = store
        self._key = key
        self._path = path
        self._begun: obstore.GetResult | None = result
        self._tag = result.meta["e_tag"]
        self.size = result.meta["size"]
        self.data: bytes | None = None

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        if start == stop:
            return
        with translated(self._path):
            result = await self._range(start, stop)
            position = start
            async for chunk in result.stream(min_chunk_size=piece):
                for begin in range(0, len(chunk), piece):
                    part = chunk if len(chunk) <= piece else chunk[begin : begin + piece]
                    position += len(part)
                    yield part
        if position != stop:
            raise DriverError(self._path, f"the store ended its answer {stop - position} bytes early")

    async def _range(self, start: int, stop: int) -> obstore.GetResult:
        begun, self._begun = self._begun, None
        if begun is not None and (start, stop) == (0, self.size):
            return begun
        options: obstore.GetOptions = {"range": (start, stop)}
        if self._tag:
            options["if_match"] = self._tag
        return await obstore.get_async(self._store, self._key, options=options)

    def close(self) -> None:
        self._begun = None
