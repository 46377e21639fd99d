"""The pages of the debug listener, in one table."""

from __future__ import annotations

import asyncio
import html
import json
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeAlias

from aiohttp import web

from moorage.debug.counts import Counts
from moorage.debug.facts import facts
from moorage.debug.lag import Lag
from moorage.debug.parts import Parts
from moorage.debug.pprof import encoded
from moorage.debug.profiling import LONGEST_SECONDS, Busy, Profile, Profiler
from moorage.debug.stacks import stacks

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.Response]]

READS: Final = frozenset({"GET", "HEAD"})
GETS: Final = frozenset({"GET"})
POSTS: Final = frozenset({"POST"})
HEADERS: Final = {
    "Server": "moorage",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Page(NamedTuple):
    """One page. For other methods, a `strict` page is a 404, as in the reference implementation."""

    handler: Handler
    methods: frozenset[str]
    about: str
    strict: bool = False


class Pages:
    """The pages of one worker. They are exempt from its limit of concurrent requests, so they work when the registry is full."""

    def __init__(self, parts: Parts, lag: Lag) -> None:
        self._parts = parts
        self._lag = lag
        self._began = time.time()
        self._profiler = Profiler()
        self._counts = Counts(parts)
        self._table = {
            "/": Page(self._index, READS, "this page"),
            "/healthz": Page(self._alive, READS, "the process answers"),
            "/readyz": Page(self._ready, READS, "the registry serves, and its storage answers"),
            "/debug/health": Page(self._health, GETS, "the checks that fail, and why", strict=True),
            "/debug/health/down": Page(self._down, POSTS, "take all workers out of service", strict=True),
            "/debug/health/up": Page(self._up, POSTS, "put them back", strict=True),
            "/debug/vars": Page(self._vars, READS, "facts about one worker, as JSON"),
            "/debug/stacks": Page(self._stacks, READS, "where its threads, tasks and requests stand"),
            "/debug/profile": Page(self._profile, GETS, "what it spends its time on, in ?seconds=5"),
            "/debug/pprof/profile": Page(self._pprof, GETS, "the same for pprof, in ?seconds=30"),
            parts.configuration.http.debug.prometheus.path: Page(self._metrics, READS, "for Prometheus"),
        }

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        answer = await self._answer(request)
        answer.headers.update(HEADERS)
        return answer

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        page = self._table.get(request.path)
        if page is None or (page.strict and request.method not in page.methods):
            return _text("there is no such page: see /\n", 404)
        if request.method not in page.methods:
            answer = _text("this page takes other methods\n", 405)
            answer.headers["Allow"] = ", ".join(sorted(page.methods))
            return answer
        if request.method == "POST" and "Origin" in request.headers:
            # Any web page could send this, from the browser of a user who can reach this address.
            return _text("not for browsers\n", 403)
        return await page.handler(request)

    async def _index(self, _: web.BaseRequest) -> web.Response:
        rows = [
            f"<li><a href='{html.escape(path)}'>{html.escape(path)}</a>: {html.escape(page.about)}"
            if "GET" in page.methods
            else f"<li>POST {html.escape(path)}: {html.escape(page.about)}"
            for path, page in self._table.items()
        ]
        body = "\n".join(
            ["<!DOCTYPE html><html lang='en'><title>Moorage</title><ul>", *rows, "</ul></html>", ""]
        )
        return web.Response(text=body, content_type="text/html")

    async def _alive(self, _: web.BaseRequest) -> web.Response:
        return web.Response()

    async def _ready(self, _: web.BaseRequest) -> web.Response:
        # Shielded, because clients that leave early would otherwise keep the storage from ever being found to hang.
        ready = await asyncio.shield(self._parts.health.ready())
        return web.Response() if ready else _text("not ready: see /debug/health and the log\n", 503)

    async def _health(self, _: web.BaseRequest) -> web.Response:
        failing = self._parts.health.failing()
        return _json(failing, 503 if failing else 200)

    async def _down(self, _: web.BaseRequest) -> web.Response:
        self._parts.health.turn(down=True)
        return web.Response()

    async def _up(self, _: web.BaseRequest) -> web.Response:
        self._parts.health.turn(down=False)
        return web.Response()

    async def _vars(self, _: web.BaseRequest) -> web.Response:
        return _json(await facts(self._parts, self._lag, self._began))

    async def _stacks(self, _: web.BaseRequest) -> web.Response:
        return _text(stacks())

    async def _profile(self, request: web.BaseRequest) -> web.Response:
        taken = await self._taken(request, "5")
        return _text(taken.folded()) if isinstance(taken, Profile) else taken

    async def _pprof(self, request: web.BaseRequest) -> web.Response:
        taken = await self._taken(request, "30")
        if not isinstance(taken, Profile):
            return taken
        return web.Response(body=encoded(taken), content_type="application/octet-stream")

    async def _taken(self, request: web.BaseRequest, default: str) -> Profile | web.Response:
        """Take a profile, or return the answer to an invalid request."""
        try:
            seconds = float(request.query.get("seconds", default))
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= LONGEST_SECONDS:
            return _text(f"seconds must be a number up to {LONGEST_SECONDS:g}\n", 400)
        try:
            return await self._profiler.take(seconds)
        except Busy:
            return _text("another profile is being taken\n", 409)

    async def _metrics(self, _: web.BaseRequest) -> web.Response:
        body = await self._counts.page()
        if body is None:
            return _text("metrics are off: see http.debug.prometheus.enabled\n", 404)
        return web.Response(body=body, headers={"Content-Type": self._counts.content_type})


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(value, default=str), status=status, content_type="application/json")
