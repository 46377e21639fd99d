"""Objects on their way to the store. An object appears when it is complete, and not before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from obstore.store import ObjectStore

from moorage.drivers.base import DriverError, Meanwhile, ignore
from moorage.drivers.bounded import Bounded
from moorage.drivers.objectstore.limits import Limits
from moorage.drivers.objectstore.partmemory import OF_PROCESS
from moorage.drivers.objectstore.putting import Putter
from moorage.drivers.objectstore.segments import Head, Segment
from moorage.drivers.objectstore.settling import of_other_kind, settled
from moorage.drivers.threads import Threads

KEPT_SEGMENT_BYTES: Final = 1 << 20
KEPT_BYTES: Final = 16 << 20

Recent: TypeAlias = Bounded[bytes]
"""Small uploads that this process wrote a moment ago, by mark. The final object is written from memory, with one call, where a copy
and a check of it would take two."""


class ObjectWriting:
    """Writes one object: up to `part_bytes` in one request, more in parts of that size. The pieces of a call are hashed and sent
    in the background, while the caller collects more."""

    def __init__(
        self,
        store: ObjectStore,
        putter: Putter,
        threads: Threads,
        key: str,
        path: str,
        part_bytes: int,
        *,
        small: bool,
    ) -> None:
        self._store = store
        self._threads = threads
        self._key = key
        self._path = path
        self._sent = 0
        self._refusal: DriverError | None = None
        self._behind: asyncio.Task[None] | None = None
        self._share = OF_PROCESS.share(path, part_bytes)
        self._sink = putter.sink(key, path, part_bytes, self._share.in_flight, small=small)

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        await self.flush()
        # The server passes small pieces, and each one would be a separate call into obstore.
        data = b"".join(pieces)
        self._sent += len(data)
        if data:
            await self._share.cover(self._sent)
            self._behind = asyncio.create_task(self._send(data, meanwhile))
            if len(data) > ahead:
                await self.flush()

    async def _send(self, data: bytes, meanwhile: Meanwhile) -> None:
        working = None if meanwhile is ignore else self._threads.call(meanwhile, [data])
        try:
            if self._refusal is None:
                await self._sink.write(data)
        except DriverError as error:
            # What is there may be the same bytes. That turns out when all of them are known.
            if not of_other_kind(error):
                raise
            self._refusal = error
        finally:
            if working is not None:
                await working

    async def flush(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            await behind

    async def commit(self) -> None:
        try:
            await self.flush()
            await settled(self._close, self._store, self._key, self._path, self._sent, again=False)
        finally:
            self._share.release()

    async def _close(self) -> None:
        if self._refusal is not None:
            raise self._refusal
        await self._sink.close()

    async def abort(self) -> None:
        if self._behind is not None:
            self._behind.cancel()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await self.flush()
        try:
            with contextlib.suppress(Exception):
                await self._sink.abort()
        finally:
            self._share.release()


class SegmentWriter:
    """Continues the chain that ends at `head`.

    The bytes are in the store when `flush` or `close` has returned, and not before. If one of them fails, or the process dies,
    the unfinished segment is lost.

    A long segment ends where the limits say, so for any sequence of requests, most segments end where parts of a copy can end.
    """

    def __init__(
        self, head: Head, begin: Callable[[Segment], ObjectWriting], recent: Recent, limits: Limits
    ) -> None:
        self._head = head
        self._begin = begin
        self._recent = recent
        self._limits = limits
        self._segment: Segment | None = None
        self._writing: ObjectWriting | None = None
        self._small: list[bytes] | None = None
        self._given = 0
        self._busy = asyncio.Lock()

    @property
    def size(self) -> int:
        return self._head.size + self._given

    @property
    def mark(self) -> str:
        return self._head.mark

    @property
    def _room(self) -> int:
        """How many bytes the segment can still take."""
        return self._limits.cut(self._head.size) - self.size

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        while sum(map(len, pieces)) > self._room:
            now, pieces = cut(pieces, self._room)
            await self._append(now, meanwhile, ahead)
            await self.flush()
        await self._append(pieces, meanwhile, ahead)
        if not self._room:
            await self.flush()

    async def _append(self, pieces: Sequence[bytes], meanwhile: Meanwhile, ahead: int) -> None:
        length = sum(map(len, pieces))
        if not length:
            meanwhile(pieces)
            return
        async with self._busy:
            if self._writing is None:
                self._segment = self._head.next()
                self._writing = self._begin(self._segment)
                self._small = [] if self._head.last is None else None
            try:
                await self._writing.write(pieces, meanwhile, ahead=ahead)
            except BaseException:
                await self._drop()
                raise
            self._given += length
            if self._small is not None:
                self._small = [*self._small, *pieces] if self._given <= KEPT_SEGMENT_BYTES else None

    async def flush(self) -> None:
        async with self._busy:
            if self._writing is None or self._segment is None:
                return
            try:
                await self._writing.commit()
            except BaseException:
                await self._drop()
                raise
            self._head = Head(replace(self._segment, size=self._given))
            if self._small is not None:
                data = b"".join(self._small)
                self._recent.put(self.mark, data, len(data))
            self._forget()

    async def close(self) -> None:
        await self.flush()

    async def _drop(self) -> None:
        writing = self._writing
        self._forget()
        if writing is not None:
            await writing.abort()

    def _forget(self) -> None:
        self._segment = self._writing = self._small = None
        self._given = 0


def cut(pieces: Sequence[bytes], size: int) -> tuple[list[bytes], list[bytes]]:
    """Split pieces after the first `size` bytes; they must hold more than that."""
    number, missing = 0, size
    while len(pieces[number]) < missing:
        missing -= len(pieces[number])
        number += 1
    piece = pieces[number]
    return [*pieces[:number], piece[:missing]], [piece[missing:], *pieces[number + 1 :]]
