"""Long reads of objects that never change. An answer that breaks off is resumed where it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.objectstore.translation import translated

PIECE_BYTES: Final = 1 << 18

PAUSE_SECONDS: Final = 0.2


async def resumed(store: ObjectStore, key: str, path: str, start: int, stop: int) -> AsyncIterator[bytes]:
    """Yield the bytes `[start, stop)`, and resume as long as each answer yields some. Raises PathNotFound, DriverError."""
    position = start
    while position < stop:
        begun = position
        try:
            with translated(path):
                options: obstore.GetOptions = {"range": (position, stop)}
                result = await obstore.get_async(store, key, options=options)
                async for piece in result.stream(min_chunk_size=PIECE_BYTES):
                    position += len(piece)
                    yield piece
        except PathNotFound:
            raise
        except DriverError:
            if position == begun:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            if position == begun:
                raise DriverError(path, f"the store ended its answer {stop - position} bytes early")
