"""The content of the whole registry: blobs under their canonical digests."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from moorage.digest import CANONICAL, EMPTY, Digest, Hashes
from moorage.drivers.base import A_FOLDER, Damaged, Driver, Obstructed, Part, PathNotFound, Reader
from moorage.errors import BlobUnknown
from moorage.store import layout
from moorage.store.hashing import read_through

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blob:
    """Content: `digest` is the canonical one, under which the bytes are stored; `size` is in bytes."""

    digest: Digest
    size: int


class BlobStore:
    """Every blob, whatever repository it belongs to. Takes canonical digests; raises BlobUnknown."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._attesting = asyncio.Lock()

    async def size(self, digest: Digest) -> int:
        path = layout.blob_data(digest)
        try:
            found = await self._driver.stat(path)
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None
        if found.is_folder:
            raise Obstructed(path, A_FOLDER)
        self._check(digest, found.size)
        return found.size

    async def attest(self, digest: Digest, size: int) -> None:
        """Like `size`, for a blob that somebody expects to have another size than it has: if it may have lost bytes unnoticed, it is
        read once and compared with its digest.

        One at a time: clients choose which sizes they expect, and whoever waits finds what the one before found out.
        """

        async def is_right(reader: Reader) -> bool:
            hashes = Hashes()
            await read_through(reader, 0, reader.size, hashes)
            return hashes.digests()[CANONICAL] == digest

        try:
            async with self._attesting:
                await self._driver.attest(layout.blob_data(digest), size, is_right)
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None

    async def open(self, digest: Digest, part: Part | None = None) -> Reader:
        try:
            reader = await self._driver.open(layout.blob_data(digest), part=part)
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None
        try:
            self._check(digest, reader.size)
        except BaseException:
            reader.close()
            raise
        return reader

    async def read(self, digest: Digest) -> bytes:
        """The content of a small blob, verified. Damaged content raises BlobUnknown like missing content."""
        try:
            data = await self._driver.read(layout.blob_data(digest))
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None
        if Digest.of(data) != digest:
            log.error("damaged blob: push it again to repair it", extra={"digest": digest})
            raise BlobUnknown(detail={"digest": digest})
        return data

    def _check(self, digest: Digest, size: int) -> None:
        # What a crash of the reference implementation leaves behind.
        if size == 0 and digest != EMPTY:
            log.error("empty file where a blob should be: push it again", extra={"digest": digest})
            raise BlobUnknown(detail={"digest": digest})

    def _unknown(self, digest: Digest, reason: PathNotFound) -> BlobUnknown:
        if isinstance(reason, Damaged):
            log.error(
                "damaged blob: push it again to repair it", extra={"digest": digest, "reason": str(reason)}
            )
        return BlobUnknown(detail={"digest": digest})
