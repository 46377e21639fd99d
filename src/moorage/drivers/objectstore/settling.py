"""Commits that the store refuses although the object is there, or will be there after another try.

* Azure: whoever commits a blob first discards the blocks that others have sent for it (`InvalidBlockList`), and a blob keeps its
  kind: the reference implementation wrote append blobs, which take no blocks (`InvalidBlobType`).
* S3: an upload that is complete is unknown to some services, so a repeated request after a lost answer fails (`NoSuchUpload`).

An object under a digest is only committed when its bytes have been verified, and a segment has a name of its own. So one that
has the right size is the right one, whoever wrote it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.objectstore.translation import translated

OTHER_KIND: Final = "InvalidBlobType"
DISPUTED: Final = ("InvalidBlockList", OTHER_KIND, "NoSuchUpload")


def of_other_kind(error: DriverError) -> bool:
    """Whether a blob of another kind is in the place."""
    return OTHER_KIND in str(error)


async def settled(
    write: Callable[[], Awaitable[None]],
    store: ObjectStore,
    key: str,
    path: str,
    size: int | None,
    *,
    again: bool = True,
) -> None:
    """Await `write`, which puts an object of `size` bytes at `key`. If the store disputes it, an object of that size is taken
    for the result; else one of another kind is removed, and with `again` the write is repeated.

    A `size` of None is for files whose bytes may differ: none is taken for the result. Raises what `write` raises.
    """
    try:
        await write()
        return
    except DriverError as error:
        if not any(code in str(error) for code in DISPUTED):
            raise
        found = await _size(store, key, path)
        if found is not None and found == size:
            return
        if found is not None and of_other_kind(error):
            with contextlib.suppress(PathNotFound), translated(path):
                await obstore.delete_async(store, key)
        if not again:
            raise
    await write()


async def _size(store: ObjectStore, key: str, path: str) -> int | None:
    """None if nothing is there."""
    try:
        with translated(path):
            return (await obstore.head_async(store, key))["size"]
    except PathNotFound:
        return None
