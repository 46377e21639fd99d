"""Somebody else who answers at the address of a store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.support.heads import read_head, request_body


@dataclass
class Instead:
    """The same answer to every request; it may be changed meanwhile."""

    status: int
    body: bytes
    type: str = "text/html"
    asked: list[str] = field(default_factory=list)
    """The targets of the requests."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        assert head is not None
        self.asked.append(head.start[1])
        async for _ in request_body(head, reader):
            pass
        lines = (f"HTTP/1.1 {self.status} Told", f"Content-Type: {self.type}", "Connection: close")
        start = "\r\n".join((*lines, f"Content-Length: {len(self.body)}", "", ""))
        writer.write(start.encode() + self.body)
        writer.close()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def instead(answer: Instead) -> AsyncIterator[str]:
    """The address of a server that gives it."""
    async with await asyncio.start_server(answer.answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
