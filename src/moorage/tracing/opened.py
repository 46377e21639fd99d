"""Spans of open files. Each covers the whole time, including waits for the client: one span per piece would make thousands of
them for a large layer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

from opentelemetry.trace import Span

from moorage.drivers.base import Creation, Reader, Writer
from moorage.drivers.opened import WatchedCreation, WatchedWriter
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


def traced_writer(writer: Writer, span: Span) -> Writer:
    """With a span from the opening to the closing of an upload's file."""
    return WatchedWriter(writer, partial(failing, span), partial(_end, span))


def traced_creation(creation: Creation, span: Span) -> Creation:
    """With a span from the beginning of a new file until it is committed or aborted."""
    return WatchedCreation(creation, partial(failing, span), partial(_end, span))


def _end(span: Span, given: int) -> None:
    if span.is_recording():
        span.set_attribute(BYTES, given)
        span.end()
