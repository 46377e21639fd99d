"""Spans of open files. Each covers the whole time, including waits for the client: one span per piece would make thousands of
them for a large layer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from opentelemetry.trace import Span

from moorage.drivers.base import Creation, Meanwhile, Reader, Writer, ignore
from moorage.tracing.failing import failing

BYTES = "moorage.storage.bytes"


class TracedReader:
    """A span around each stream, from its first piece to its end."""

    def __init__(self, reader: Reader, start: Callable[[], Span]) -> None:
        self._reader = reader
        self._start = start
        self.size = reader.size
        self.data = reader.data

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        span = self._start()
        sent = 0
        try:
            with failing(span):
                async for part in self._reader.stream(start, stop, piece):
                    sent += len(part)
                    yield part
        finally:
            span.set_attribute(BYTES, sent)
            span.end()

    def close(self) -> None:
        self._reader.close()


class _Growing:
    """The common part of writers and creations."""

    def __init__(self, file: Writer | Creation, span: Span) -> None:
        self._file = file
        self._span = span
        self._given = 0

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        self._given += sum(map(len, pieces))
        with failing(self._span):
            await self._file.write(pieces, meanwhile, ahead=ahead)

    async def flush(self) -> None:
        with failing(self._span):
            await self._file.flush()

    def _end(self) -> None:
        if self._span.is_recording():
            self._span.set_attribute(BYTES, self._given)
            self._span.end()


class TracedWriter(_Growing):
    """A span from the opening to the closing of an upload's file."""

    def __init__(self, writer: Writer, span: Span) -> None:
        super().__init__(writer, span)
        self._writer = writer

    @property
    def size(self) -> int:
        return self._writer.size

    @property
    def mark(self) -> str:
        return self._writer.mark

    async def close(self) -> None:
        try:
            with failing(self._span):
                await self._writer.close()
        finally:
            self._end()


class TracedCreation(_Growing):
    """A span from the beginning of a new file until it is committed or aborted."""

    def __init__(self, creation: Creation, span: Span) -> None:
        super().__init__(creation, span)
        self._creation = creation

    async def commit(self) -> None:
        try:
            with failing(self._span):
                await self._creation.commit()
        finally:
            self._end()

    async def abort(self) -> None:
        try:
            await self._creation.abort()
        finally:
            self._end()
