"""The head of an HTTP/1.1 message as the bytes that came, and the body that follows it as it lies on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

PIECE = 1 << 16
END = b"\r\n"


@dataclass(frozen=True)
class Head:
    """The start line and the header lines, each without its end."""

    lines: tuple[bytes, ...]

    def __bytes__(self) -> bytes:
        return END.join(self.lines) + END + END

    @property
    def start(self) -> list[str]:
        """The three words of the start line: method, target, version; or version, status, reason."""
        return self.lines[0].decode("latin-1").split(" ", 2)

    def header(self, name: str) -> str:
        """The value, or nothing."""
        for line in self.lines[1:]:
            given, _, value = line.decode("latin-1").partition(":")
            if given.lower() == name:
                return value.strip()
        return ""

    def without(self, *names: str) -> Head:
        kept = [line for line in self.lines[1:] if _name(line) not in names]
        return Head((self.lines[0], *kept))

    def given(self, name: str, value: str) -> Head:
        return Head((*self.without(name).lines, f"{name}: {value}".encode("latin-1")))

    @property
    def length(self) -> int | None:
        """The Content-Length, or None."""
        value = self.header("content-length")
        return int(value) if value else None

    @property
    def chunked(self) -> bool:
        return "chunked" in self.header("transfer-encoding").lower()

    @property
    def closes(self) -> bool:
        return "close" in self.header("connection").lower()


def _name(line: bytes) -> str:
    return line.decode("latin-1").partition(":")[0].lower()


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """None where the connection ends before another message."""
    try:
        raw = await reader.readuntil(END + END)
    except asyncio.IncompleteReadError as cut:
        if not cut.partial:
            return None
        raise
    return Head(tuple(raw[: -len(END + END)].split(END)))


async def request_body(head: Head, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    if head.chunked:
        async for piece in _chunks(reader):
            yield piece
    else:
        async for piece in _exactly(head.length or 0, reader):
            yield piece


async def answer_body(head: Head, method: str, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What follows the head of an answer to `method`, with the framing of its chunks."""
    if method == "HEAD" or head.start[1] in ("204", "304"):
        return
    if head.chunked:
        async for piece in _chunks(reader):
            yield piece
    elif head.length is not None:
        async for piece in _exactly(head.length, reader):
            yield piece
    else:
        while piece := await reader.read(PIECE):
            yield piece


async def _exactly(length: int, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while length > 0:
        piece = await reader.read(min(length, PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    size = -1
    while size != 0:
        line = await reader.readuntil(END)
        yield line
        size = int(line.partition(b";")[0], 16)
        async for piece in _exactly(size and size + len(END), reader):
            yield piece
    # Trailers, up to an empty line.
    line = b""
    while line != END:
        line = await reader.readuntil(END)
        yield line
