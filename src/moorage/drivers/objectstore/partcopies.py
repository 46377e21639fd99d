"""Joins objects inside S3: a multipart upload whose parts are copied from other objects (UploadPartCopy), many at a time.

A part that spans several objects is read and written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Final

import obstore
from obstore.store import S3Store

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.answers import answered
from moorage.drivers.objectstore.joining import Joiner
from moorage.drivers.objectstore.limits import Limits
from moorage.drivers.objectstore.multipart import Multipart, NoPartCopies
from moorage.drivers.objectstore.parts import Part, Range, parts
from moorage.drivers.objectstore.resuming import resumed
from moorage.drivers.objectstore.sdk import S3Clients
from moorage.drivers.objectstore.together import some_at_once
from moorage.drivers.objectstore.translation import translated
from moorage.drivers.threads import Threads

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 32
"""The most parts that are copied at a time, whatever the configuration says."""

READ_BYTES: Final = 32 << 20
"""The memory for parts of one object that span several sources. A single part may be larger."""

GIVING_UP_SECONDS: Final = 5.0
"""How long an upload's client waits for the end of a copy that has failed. It goes on behind."""

READ_RANGES: Final = 16
"""How many ranges of such a part are read at a time: they may be small and many."""


@dataclass(frozen=True)
class Copying:
    """How to copy objects."""

    bucket: str
    clients: S3Clients
    extra: dict[str, str]
    """The arguments of each new object."""
    part_bytes: int
    concurrency: int
    """How many parts are copied at a time."""
    threshold: int
    """Larger objects are copied in parts of `part_bytes`."""

    @property
    def asks(self) -> bool:
        """Whether new objects need something that obstore cannot ask for in a copy."""
        return "StorageClass" in self.extra or self.names_acl

    @property
    def names_acl(self) -> bool:
        """Whether new objects need something that obstore cannot ask for at all."""
        return "ACL" in self.extra


class PartCopies:
    """Copies a single object of up to `threshold` whole, leaves several that fit into one part to `otherwise`, and copies
    everything else in parts. `otherwise` also does what a store that copies no parts cannot do. It names no ACL: with one, several small
    objects make an upload of one part."""

    through = False

    def __init__(self, store: S3Store, copying: Copying, otherwise: Joiner, limits: Limits) -> None:
        self._store = store
        self._copying = copying
        self._otherwise = otherwise
        self._limits = limits
        self._at_once = min(copying.concurrency, MOST_AT_ONCE)
        self._threads = Threads(self._at_once)
        self._uploads = Multipart(copying.bucket, copying.clients, copying.extra)
        self._told = False

    async def join(self, sources: Sequence[tuple[str, int]], target: str, path: str) -> None:
        size = sum(length for _, length in sources)
        if len(sources) == 1 and size <= min(self._copying.threshold, self._limits.copy):
            await self._copy(sources[0][0], target, path)
        elif len(sources) > 1 and size <= self._copying.part_bytes and not self._copying.names_acl:
            await self._otherwise.join(sources, target, path)
        else:
            try:
                await self._in_parts(parts(sources, self._copying.part_bytes, self._limits), target, path)
            except NoPartCopies:
                if self._copying.names_acl:
                    raise DriverError(
                        path, "the store copies no parts of objects, which `objectacl` needs"
                    ) from None
                if not self._told:
                    self._told = True
                    log.warning(
                        "the store copies no parts of objects: large uploads pass through the registry once more"
                    )
                await self._otherwise.join(sources, target, path)

    async def _copy(self, source: str, target: str, path: str) -> None:
        """Copy one object. With a storage class or an ACL boto3 does it: obstore cannot set them, and S3 does not keep the original's."""
        if not self._copying.asks:
            with translated(path):
                await obstore.copy_async(self._store, source, target)
            return
        with answered(path):
            await self._threads.call(self._uploads.copy_object, source, target)

    async def _in_parts(self, found: Sequence[Part], target: str, path: str) -> None:
        with answered(path):
            upload = await self._threads.call(self._uploads.begin, target)
            try:
                tags = await self._send(found, target, upload)
                await self._threads.call(self._uploads.complete, target, upload, tags)
            except BaseException:
                giving_up = self._threads.call(self._uploads.give_up, target, upload)
                await asyncio.wait([giving_up], timeout=GIVING_UP_SECONDS)
                raise

    async def _send(self, found: Sequence[Part], target: str, upload: str) -> list[str]:
        buffers = Buffers(found[0].size)

        async def send(part: Part) -> str:
            if source := part.copied(self._limits):
                return await self._threads.call(self._uploads.copy_part, target, upload, part.number, source)
            async with buffers.one(part.size) as data:
                await self._read(part, data)
                return await self._threads.call(self._uploads.put_part, target, upload, part.number, data)

        return await some_at_once(self._at_once, [partial(send, part) for part in found])

    async def _read(self, part: Part, data: bytearray) -> None:
        starts = accumulate((one.length for one in part.ranges), initial=0)
        places = [
            memoryview(data)[start : start + one.length]
            for start, one in zip(starts, part.ranges, strict=False)
        ]
        reads = [partial(self._fill, *pair) for pair in zip(places, part.ranges, strict=True)]
        await some_at_once(READ_RANGES, reads)

    async def _fill(self, place: memoryview, one: Range) -> None:
        at = 0
        async for piece in resumed(self._store, one.source, one.source, one.start, one.stop):
            place[at : at + len(piece)] = piece
            at += len(piece)

    def close(self) -> None:
        self._threads.close()


class Buffers:
    """Buffers for parts of `size` bytes: as many as fit into `READ_BYTES`, but at least one.

    They are reused, because the C library does not return freed blocks of some megabytes to the system.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[bytearray] = []
        self._places = asyncio.Semaphore(max(1, READ_BYTES // size))

    @contextlib.asynccontextmanager
    async def one(self, size: int) -> AsyncIterator[bytearray]:
        """A buffer of `size` bytes with arbitrary content."""
        async with self._places:
            if size != self._size:
                yield bytearray(size)
                return
            buffer = self._free.pop() if self._free else bytearray(size)
            yield buffer
            self._free.append(buffer)
