"""Long reads of objects that never change. An answer that breaks off is resumed where it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.objectstore.translation import translated

PIECE_BYTES: Final = 1 << 18

PAUSE_SECONDS: Final = 0.2
"""The pause before an answer that broke off is resumed."""

Ask = Callable[[int, int], Awaitable["obstore.GetResult"]]
"""Requests the bytes `[start, stop)` of an object."""


def resumed(store: ObjectStore, key: str, path: str, start: int, stop: int) -> AsyncIterator[bytes]:
    """Yield the bytes `[start, stop)` of an object. See `resumed_answers`."""

    async def ask(first: int, last: int) -> obstore.GetResult:
        return await obstore.get_async(store, key, options={"range": (first, last)})

    return resumed_answers(ask, path, start, stop, PIECE_BYTES)


async def resumed_answers(ask: Ask, path: str, start: int, stop: int, piece: int) -> AsyncIterator[bytes]:
    """Yield the bytes `[start, stop)` in pieces of at most `piece`, and resume as long as each answer yields some: obstore itself
    resumes only in the first seconds of a download, and layers take longer. Raises PathNotFound, DriverError."""
    position = start
    while position < stop:
        begun = position
        try:
            with translated(path):
                result = await ask(position, stop)
                async for chunk in result.stream(min_chunk_size=piece):
                    for first in range(0, len(chunk), piece):
                        part = chunk if len(chunk) <= piece else chunk[first : first + piece]
                        position += len(part)
                        yield part
            if position != stop:
                raise DriverError(path, f"the store ended its answer {stop - position} bytes early")
        except PathNotFound:
            raise
        except DriverError:
            if position == begun:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
