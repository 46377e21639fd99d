"""A real HTTP server on the loopback address that publishes keys, or whatever a test has it do instead."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Publisher:
    """A token service's page of keys. `handler` takes over if there is one; `gate` holds answers back while it is closed."""

    content: bytes = b""
    status: int = 200
    handler: Handler | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        await self.gate.wait()
        if self.handler is not None:
            return await self.handler(request)
        return web.Response(body=self.content, status=self.status)


@asynccontextmanager
async def publishing(content: bytes) -> AsyncIterator[Publisher]:
    publisher = Publisher(content)
    publisher.gate.set()
    application = web.Application()
    application.router.add_get("/{path:.*}", publisher.answer)
    async with TestServer(application, host="127.0.0.1") as server:
        publisher.url = str(server.make_url("/keys"))
        yield publisher
        # What is held back would hold back the end.
        publisher.gate.set()


def endless(content: bytes) -> Handler:
    """Then blanks, which make it no less right: ten megabytes, of unknown length."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(content)
        for _ in range(160):
            await response.write(b" " * 65_536)
        return response

    return answer


def large(content: bytes) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content + b" " * 10_000_000)

    return answer


def bomb(content: bytes) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        packed = gzip.compress(content + b" " * 50_000_000)
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    return answer


def cut(content: bytes) -> Handler:
    """The connection, before the end that was announced."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(content) + 1)})
        await response.prepare(request)
        await response.write(content)
        assert request.transport is not None
        request.transport.abort()
        return response

    return answer


def redirecting(target: str, content: bytes, status: int = 302) -> Handler:
    """To `target`; what is at `/there` is `content`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/there":
            return web.Response(body=content)
        return web.Response(status=status, headers={"Location": target})

    return answer


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)
