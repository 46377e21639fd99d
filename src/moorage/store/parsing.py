"""Manifests out of bytes: strictly those that are pushed, as far as possible those that are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from moorage.errors import ManifestInvalid
from moorage.manifest import Manifest, parse
from moorage.store.kind import kind

LARGE: Final = 256 << 10
"""Bytes above which parsing takes so long that others should not wait for it."""

# One thread: while it is parsed, a manifest may take fifty times its size in memory.
_ASIDE: Final = ThreadPoolExecutor(1, "manifests")


def stored(payload: bytes) -> Manifest:
    """Of bytes that their digest proves. What `parse` would refuse is served nevertheless when its kind can be told, and refers
    to nothing then, as far as is known here: garbage collection asks `parse`, and keeps all around what that refuses.

    Raises ManifestInvalid.
    """
    try:
        return parse(payload)
    except ManifestInvalid:
        media_type = kind(payload)
    return Manifest(
        payload, media_type, blobs=(), manifests=(), subject=None, artifact_type=None, annotations=None
    )


async def parsed(payload: bytes, how: Callable[[bytes], Manifest]) -> Manifest:
    """What `how` makes of the payload; of a large one in a thread, one at a time."""
    if len(payload) <= LARGE:
        return how(payload)
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, how, payload)
