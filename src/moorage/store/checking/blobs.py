"""Checks every blob: whether it has bytes, and whether they match its digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from moorage.digest import CANONICAL, EMPTY, Digest
from moorage.drivers.base import A_FOLDER, Damaged, DriverError, Obstructed, PathNotFound
from moorage.store import layout
from moorage.store.abreast import abreast
from moorage.store.checking.state import State, Unreadable
from moorage.store.checking.suspects import CorruptBlob, Suspect
from moorage.store.contents import digest_of, key
from moorage.store.findings import unreadable
from moorage.store.listing import digests_and_others
from moorage.store.patience import Patience

LOOKS_AT_ONCE: Final = 32
READS_AT_ONCE: Final = 4


class BlobCheck:
    def __init__(self, state: State, suspect: Callable[[Suspect], None]) -> None:
        self._state = state
        self._suspect = suspect
        self._patience = Patience()

    async def run(self, *, quick: bool) -> None:
        """Look at every blob; unless `quick` is set, read them all, too."""
        state = self._state
        state.report.watch.begin("listing blobs", 0, 0)
        for algorithm in await state.tree.names(layout.BLOBS):
            if algorithm != CANONICAL:
                state.tree.foreign(f"{layout.BLOBS}/{algorithm}")
        for shard in await state.tree.names(layout.CANONICAL_BLOBS):
            folder = f"{layout.CANONICAL_BLOBS}/{shard}"
            await abreast(LOOKS_AT_ONCE, self._digests(folder, await state.tree.names(folder)), self._look)
        if quick:
            return
        state.report.watch.begin("reading blobs", len(state.sizes), state.report.size)
        await abreast(READS_AT_ONCE, map(digest_of, list(state.sizes)), self._read)

    def _digests(self, folder: str, names: list[str]) -> list[Digest]:
        digests, others = digests_and_others(names)
        found = []
        for digest in digests:
            if layout.blob_data(digest).startswith(f"{folder}/"):
                found.append(digest)
            else:
                others.append(digest.hex)
        for name in others:
            self._state.tree.foreign(f"{folder}/{name}")
        return found

    async def _look(self, digest: Digest) -> None:
        self._state.report.blobs += 1
        path = layout.blob_data(digest)
        try:
            found = await self._state.driver.stat(path)
            if found.is_folder:
                raise Obstructed(path, A_FOLDER)
        except Damaged:
            self._corrupt(digest)
            return
        except Obstructed as error:
            self._state.corrupt.add(key(digest))
            self._state.report.obstructed(error, digest=digest)
            return
        except PathNotFound:
            # An empty folder, which a crash can leave. If something needs the blob, a listing has to confirm that it is missing.
            self._state.report.blobs -= 1
            return
        size = found.size
        self._state.report.size += size
        if size == 0 and digest != EMPTY:
            self._corrupt(digest)
        else:
            self._state.sizes[key(digest)] = size

    async def _read(self, digest: Digest) -> None:
        try:
            fault = await self._state.fault(digest)
        except PathNotFound:
            return
        except Unreadable as error:
            self._unreadable(digest, error.reason)
            return
        self._patience.worked()
        if fault:
            self._corrupt(digest)
        self._state.report.watch.advance(1, 0)

    def _corrupt(self, digest: Digest) -> None:
        self._state.sizes.pop(key(digest), None)
        self._state.corrupt.add(key(digest))
        self._suspect(CorruptBlob(digest))

    def _unreadable(self, digest: Digest, error: DriverError) -> None:
        self._patience.failed(error)
        self._state.sizes.pop(key(digest), None)
        self._state.corrupt.add(key(digest))
        path = layout.blob_data(digest)
        self._state.report.tell(unreadable("unreadable-blob", path, error, digest))
