"""Joins the segments of an upload into one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import obstore
from obstore.store import ObjectStore

from moorage.drivers.objectstore.limits import Limits, part_size
from moorage.drivers.objectstore.partmemory import MOST_IN_FLIGHT
from moorage.drivers.objectstore.resuming import resumed
from moorage.drivers.objectstore.translation import translated


class Joiner(Protocol):
    through: bool
    """Whether the bytes pass through this process."""

    async def join(self, sources: Sequence[tuple[str, int]], target: str, path: str) -> None:
        """Join objects, given with their sizes, into the object `target`, which appears whole or not at all. Raises PathNotFound
        if a source is missing, DriverError naming `path`."""
        ...

    def close(self) -> None: ...


class Through:
    """Joins by reading and writing, for stores that cannot join objects or whose API for it is out of reach."""

    through = True

    def __init__(
        self, store: ObjectStore, attributes: dict[str, str], part_bytes: int, limits: Limits
    ) -> None:
        self._store = store
        self._attributes = attributes
        self._part_bytes = part_bytes
        self._limits = limits

    async def join(self, sources: Sequence[tuple[str, int]], target: str, path: str) -> None:
        size = sum(length for _, length in sources)
        buffer = part_size(size, self._part_bytes, self._limits)
        with translated(path):
            async with obstore.open_writer_async(
                self._store,
                target,
                attributes=self._attributes,
                buffer_size=buffer,
                max_concurrency=MOST_IN_FLIGHT,
            ) as writer:
                for source, length in sources:
                    async for piece in resumed(self._store, source, path, 0, length):
                        await writer.write(piece)

    def close(self) -> None:
        return None
