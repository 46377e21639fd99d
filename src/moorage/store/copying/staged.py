"""A file that appears only once it is complete, built from a writer and a move."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from moorage.digest import Digest
from moorage.drivers.base import Creation, Driver, DriverError, Meanwhile, Writer, ignore
from moorage.store import layout
from moorage.store.removal import discard


async def creation(driver: Driver, digest: Digest, size: int) -> Creation:
    """A new blob, which appears when it is committed. Raises DriverError."""
    made = driver.create(layout.blob_data(digest), size)
    return await Staged.begin(driver, digest) if made is None else made


class Staged:
    """A `Creation` for drivers that have none. What an interrupted copy left of the same blob is discarded, because the hash
    of its bytes was lost."""

    def __init__(self, driver: Driver, digest: Digest, writer: Writer) -> None:
        self._driver = driver
        self._target = layout.blob_data(digest)
        self._path = layout.copying(digest)
        self._writer = writer

    @classmethod
    async def begin(cls, driver: Driver, digest: Digest) -> Staged:
        path = layout.copying(digest)
        await discard(driver, path, durable=False)
        opening = asyncio.ensure_future(driver.writer(path))
        try:
            return cls(driver, digest, await asyncio.shield(opening))
        except asyncio.CancelledError:
            # A thread may be making the file all the same.
            with contextlib.suppress(DriverError):
                await cls(driver, digest, await opening).abort()
            raise

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        await self._writer.write(pieces, meanwhile, ahead=ahead)

    async def flush(self) -> None:
        await self._writer.flush()

    async def commit(self) -> None:
        """See `Creation.commit`. If this fails, the staged file is discarded."""
        try:
            await self._writer.flush()
            await self._driver.move(self._path, self._target, mark=self._writer.mark)
        except BaseException:
            await self.abort()
            raise
        await self._writer.close()

    async def abort(self) -> None:
        with contextlib.suppress(DriverError):
            await self._writer.close()
        with contextlib.suppress(DriverError):
            await discard(self._driver, self._path, durable=False)
