"""Sends new objects to S3 with a canned ACL, through boto3: obstore signs no header for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.answers import answered
from moorage.drivers.objectstore.multipart import Multipart
from moorage.drivers.objectstore.putting import Sink
from moorage.drivers.threads import Threads

PUTS_AT_ONCE: Final = 16
"""For links and manifests, and as many for layers: what a thread sends of a layer may take minutes."""


class WithAcl:
    """Puts with `uploads`, which name an ACL: it is part of the request, so no object is ever there without it, even after a crash. Files
    below the folder `private` are put with `hidden`, which name none, so S3 makes them private."""

    def __init__(self, uploads: Multipart, hidden: Multipart, private: str) -> None:
        self._uploads = uploads
        self._hidden = hidden
        self._private = f"{private}/" if private else ""
        self._small = Threads(PUTS_AT_ONCE)
        self._large = Threads(PUTS_AT_ONCE)

    async def put(self, key: str, path: str, data: bytes, metadata: Mapping[str, str]) -> None:
        await self._put(self._small, key, path, data, metadata)

    async def put_large(self, key: str, path: str, data: bytes) -> None:
        """Like `put`, among the parts of other objects."""
        await self._put(self._large, key, path, data, {})

    async def _put(
        self, threads: Threads, key: str, path: str, data: bytes, metadata: Mapping[str, str]
    ) -> None:
        private = self._private and path.startswith(self._private)
        uploads = self._hidden if private else self._uploads
        putting = threads.call(uploads.put_object, key, data, metadata)
        with answered(path):
            try:
                await asyncio.shield(putting)
            except asyncio.CancelledError:
                # A thread cannot be stopped, and an older file must not come after a newer one.
                await asyncio.wait([putting])
                raise

    def sink(self, key: str, path: str, part_bytes: int, in_flight: int, *, small: bool) -> Sink:
        return _PartSink(self, self._uploads, self._large, key, path, part_bytes, in_flight)

    def close(self) -> None:
        self._small.close()
        self._large.close()


class _PartSink:
    def __init__(
        self,
        putter: WithAcl,
        uploads: Multipart,
        threads: Threads,
        key: str,
        path: str,
        part_bytes: int,
        in_flight: int,
    ) -> None:
        self._putter = putter
        self._uploads = uploads
        self._threads = threads
        self._key = key
        self._path = path
        self._part_bytes = part_bytes
        self._collected = bytearray()
        self._upload = ""
        self._parts: list[asyncio.Task[str]] = []
        self._failed: DriverError | None = None
        self._places = asyncio.Semaphore(in_flight)

    async def write(self, data: bytes) -> None:
        self._collected += data
        # What is left is never nothing, so that the last part is not.
        while len(self._collected) > self._part_bytes:
            part = bytes(self._collected[: self._part_bytes])
            del self._collected[: self._part_bytes]
            await self._send(part)

    async def close(self) -> None:
        if not self._upload:
            await self._putter.put_large(self._key, self._path, bytes(self._collected))
            return
        await self._send(bytes(self._collected))
        tags = await asyncio.gather(*self._parts)
        with answered(self._path):
            await self._threads.call(self._uploads.complete, self._key, self._upload, tags)

    async def abort(self) -> None:
        # Parts that arrive later would not be aborted.
        await asyncio.gather(*self._parts, return_exceptions=True)
        if self._upload:
            await self._threads.call(self._uploads.give_up, self._key, self._upload)

    async def _send(self, part: bytes) -> None:
        if not self._upload:
            with answered(self._path):
                self._upload = await self._threads.call(self._uploads.begin, self._key)
        await self._places.acquire()
        if self._failed is not None:
            raise self._failed
        self._parts.append(asyncio.create_task(self._part(len(self._parts) + 1, part)))

    async def _part(self, number: int, data: bytes) -> str:
        try:
            with answered(self._path):
                return await self._threads.call(self._uploads.put_part, self._key, self._upload, number, data)
        except DriverError as error:
            self._failed = error
            raise
        finally:
            self._places.release()
