"""Manifests parsed from bytes: strictly when they are pushed, leniently when they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from moorage.errors import ManifestInvalid
from moorage.manifest import Manifest, parse
from moorage.store.kind import kind

LARGE: Final = 256 << 10
"""Bytes above which parsing takes so long that other requests should not wait for it."""

# One thread, because a manifest may take fifty times its size in memory while it is parsed.
_ASIDE: Final = ThreadPoolExecutor(1, "manifests")


def stored(payload: bytes) -> Manifest:
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


async def parsed(payload: bytes, how: Callable[[bytes], Manifest]) -> Manifest:
    """What `how` makes of the payload. Large payloads are parsed in a thread, one at a time."""
    if len(payload) <= LARGE:
        return how(payload)
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, how, payload)
