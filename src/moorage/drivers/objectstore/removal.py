"""Removes objects, many with one call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError, PathNotFound, WriteRefused
from moorage.drivers.objectstore.translation import translated

PAUSES: Final = (0.05, 0.5, None)
"""Seconds to wait before each further try of a removal; None ends the tries."""

AGAIN_SECONDS: Final = 20.0
"""A removal that has taken longer is not tried again: obstore has already retried for long enough."""


async def removed(store: ObjectStore, path: str, keys: Sequence[str]) -> None:
    """Remove objects, with one call per thousand. Objects that are already gone are fine. Azure and Google report them as
    an error and may leave some of the others, so each one is then removed by itself. Raises WriteRefused, DriverError naming `path`."""
    if not keys:
        return
    try:
        await _tried(store, path, keys)
    except PathNotFound:
        for key in keys:
            with contextlib.suppress(PathNotFound):
                await _tried(store, path, [key])


async def _tried(store: ObjectStore, path: str, keys: Sequence[str]) -> None:
    """Remove objects, with further tries. obstore does not repeat this request if a kept connection turns out to be closed,
    because it is a POST; repeating it is safe."""
    end = asyncio.get_running_loop().time() + AGAIN_SECONDS
    for pause in PAUSES:
        try:
            with translated(path):
                await obstore.delete_async(store, keys)
            return
        except (PathNotFound, WriteRefused):
            raise
        except DriverError:
            if pause is None or asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(pause)
