"""The content of the whole registry: blobs under their canonical digests."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from moorage.digest import EMPTY, Digest
from moorage.drivers.base import Damaged, Driver, Part, PathNotFound, Reader
from moorage.errors import BlobUnknown
from moorage.store import layout

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

    async def size(self, digest: Digest) -> int:
        try:
            found = await self._driver.stat(layout.blob_data(digest))
        except PathNotFound as reason:
            raise self._unknown(digest, reason) from None
        self._check(digest, found.size)
        return found.size

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
