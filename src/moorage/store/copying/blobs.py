"""Copies blobs. Each is hashed while it is sent, and appears at the target only if its digest is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from moorage.digest import CANONICAL, EMPTY, Digest, Hashes
from moorage.drivers.base import Damaged, Driver, DriverError, PathNotFound, Reader
from moorage.store import layout
from moorage.store.abreast import abreast
from moorage.store.contents import Key, digest_of, key
from moorage.store.copying.report import CopyReport
from moorage.store.copying.staged import creation
from moorage.store.findings import Finding
from moorage.store.hashing import PIECE_BYTES
from moorage.store.listing import digests_among, names_in
from moorage.store.live import LiveTree
from moorage.store.patience import Patience

SMALL_BYTES: Final = 1 << 20
"""Blobs up to this size are copied many at once, since each is mostly waiting; larger ones few, since each takes memory."""

SMALL_AT_ONCE: Final = 16
LARGE_AT_ONCE: Final = 4
LOOKS_AT_ONCE: Final = 32


class SourceFailed(Exception):
    """The source could not be read to the end."""

    def __init__(self, reason: DriverError) -> None:
        self.reason = reason
        super().__init__(str(reason))


class BlobCopies:
    """Copies blobs. `there` are those that the target is known to have, `failed` those that could not be copied."""

    def __init__(self, source: Driver, target: Driver, report: CopyReport) -> None:
        self._source = source
        self._target = target
        self._tree = LiveTree(source)
        self._report = report
        self._late = asyncio.Lock()
        self._patience = Patience()
        self.there: set[Key] = set()
        self.failed: set[Key] = set()

    async def copy_all(self) -> None:
        """Copy every blob that the target lacks, or has with another size. Raises DriverError when the target fails, or the
        source cannot be listed or fails many times in a row."""
        missing: list[tuple[Key, int]] = []
        self._report.watch.begin("comparing blobs", 0, 0)
        for shard in await self._tree.names(layout.CANONICAL_BLOBS):
            missing += await self._compare(f"{layout.CANONICAL_BLOBS}/{shard}")
        if not missing:
            return
        self._report.watch.begin("copying blobs", len(missing), sum(size for _, size in missing))
        for limit, chosen in (
            (SMALL_AT_ONCE, [found for found, size in missing if size <= SMALL_BYTES]),
            (LARGE_AT_ONCE, [found for found, size in missing if size > SMALL_BYTES]),
        ):
            await abreast(limit, map(digest_of, chosen), self._copy_next)

    async def _copy_next(self, digest: Digest) -> None:
        await self._copy(digest)
        self._report.watch.advance(1, 0)

    async def bring(self, digest: Digest) -> bool:
        """Copy a blob if the target lacks it, since it can have been pushed a moment ago. Returns whether the target has it."""
        if not self._known(digest) and (size := await self._size(digest)) is not None:
            async with self._late:
                if not self._known(digest):
                    await self._bring(digest, size)
        return key(digest) in self.there

    def _known(self, digest: Digest) -> bool:
        return key(digest) in self.there or key(digest) in self.failed

    async def _bring(self, digest: Digest, size: int) -> None:
        if await self._size_there(digest) == size:
            self.there.add(key(digest))
        else:
            await self._copy(digest)

    async def _compare(self, folder: str) -> list[tuple[Key, int]]:
        """The blobs in a folder that the target lacks, with their sizes at the source."""
        missing: list[tuple[Key, int]] = []
        listed = set(await names_in(self._target, folder))

        async def look(digest: Digest) -> None:
            if self._known(digest):
                return
            size = await self._size(digest)
            if size is None:
                return
            if digest.hex in listed and await self._size_there(digest) == size:
                self.there.add(key(digest))
                self._report.blobs_present += 1
            else:
                missing.append((key(digest), size))

        await abreast(LOOKS_AT_ONCE, digests_among(await self._tree.names(folder)), look)
        return missing

    async def _size(self, digest: Digest) -> int | None:
        """The size at the source; None if the blob is missing, unreadable or damaged."""
        try:
            size = (await self._source.stat(layout.blob_data(digest))).size
        except PathNotFound as reason:
            if isinstance(reason, Damaged):
                self._fail("damaged-blob", digest, str(reason))
            return None
        except DriverError as error:
            self._unreadable(digest, error)
            return None
        if size == 0 and digest != EMPTY:
            self._fail("damaged-blob", digest, "empty")
            return None
        return size

    async def _size_there(self, digest: Digest) -> int | None:
        try:
            return (await self._target.stat(layout.blob_data(digest))).size
        except PathNotFound:
            return None

    async def _copy(self, digest: Digest) -> None:
        try:
            reader = await self._source.open(layout.blob_data(digest))
        except PathNotFound:
            # Removed since it was listed. If a manifest still needs it, that is reported there.
            return
        except DriverError as error:
            self._unreadable(digest, error)
            return
        try:
            await self._pour(reader, digest)
        except SourceFailed as error:
            self._unreadable(digest, error.reason)
        finally:
            reader.close()

    async def _pour(self, reader: Reader, digest: Digest) -> None:
        hashes = Hashes()
        made = await creation(self._target, digest, reader.size)
        try:
            async for piece in self._pieces(reader):
                await made.write([piece], hashes.update)
                self._report.watch.advance(0, len(piece))
        except BaseException:
            await made.abort()
            raise
        found = hashes.digests()[CANONICAL]
        if found != digest:
            await made.abort()
            self._fail("damaged-blob", digest, f"its bytes are those of {found}")
            return
        await made.commit()
        self._patience.worked()
        self.there.add(key(digest))
        self._report.blobs += 1
        self._report.size += reader.size

    async def _pieces(self, reader: Reader) -> AsyncIterator[bytes]:
        """Read the source. Raises SourceFailed, to distinguish it from a failure of the target."""
        try:
            async for piece in reader.stream(0, reader.size, PIECE_BYTES):
                yield bytes(piece)
        except DriverError as error:
            raise SourceFailed(error) from None

    def _unreadable(self, digest: Digest, error: DriverError) -> None:
        self._patience.failed(error)
        self._fail("unreadable-blob", digest, str(error))

    def _fail(self, kind: str, digest: Digest, detail: str) -> None:
        if key(digest) in self.failed:
            return
        self.failed.add(key(digest))
        self._report.tell(Finding(kind, layout.blob_data(digest), digest=digest, detail=detail))
