"""An OpenID provider on a free loopback port: what it says of itself, its keys, and tokens by them.

It runs in a thread of its own, so that it answers registries in other processes too while a test waits for those.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.auth.tokens import NOW, Private, algorithm_of, changed, compact, ec_key, jwk
from tests.support.ports import free_port

AUDIENCE = "registry.example.org"
DOCUMENT, KEYS = "/.well-known/openid-configuration", "/keys"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Provider:
    """`keys` are by their `kid`, `now` is what its clock says. `answers` has what a path answers instead, `asked` which paths were asked for. `document` has
    what the provider says instead, or not at all (`tokens.GONE`)."""

    def __init__(self, path: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.keys: dict[str, Private] = {"first": ec_key(0)}
        self.now = NOW
        self.document: dict[str, Any] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self._path = path
        self._tls = tls
        self._port = 0

    @property
    def address(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def issuer(self) -> str:
        return self.address + self._path

    def token(
        self, *, kid: str | None = None, header: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """A good one but for the changes, by the newest key or the one called `kid`."""
        name = kid or list(self.keys)[-1]
        key = self.keys[name]
        algorithm = algorithm_of(key)
        whole = changed({"typ": "JWT", "alg": algorithm, "kid": name}, header or {})
        return compact(whole, self.claims(**changes), key, algorithm)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a job, which began ten seconds ago and lasts five minutes."""
        return changed(
            {
                "iss": self.issuer,
                "sub": "repo:acme/app:ref:refs/heads/main",
                "aud": AUDIENCE,
                "exp": int(self.now) + 300,
                "nbf": int(self.now) - 310,
                "iat": int(self.now) - 10,
                "jti": "4a576b35-ff09-41c5-af2c-ca62dd89b76a",
                "repository": "acme/app",
                "repository_owner": "acme",
                "ref_protected": "true",
            },
            changes,
        )

    def start(self) -> None:
        """Also again, at the same address, which nobody else takes meanwhile."""
        self._port = self._port or free_port()
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        ready.set()
        await self._stopping.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.answers:
            return await self.answers[request.path](request)
        if request.path == self._path + DOCUMENT:
            said = {"issuer": self.issuer, "jwks_uri": f"{self.address}{KEYS}"}
            return web.json_response(changed(said, self.document))
        if request.path == KEYS:
            return web.json_response({"keys": [jwk(key, kid=kid) for kid, key in self.keys.items()]})
        return web.Response(status=404)


@contextmanager
def running(path: str = "", tls: ssl.SSLContext | None = None) -> Iterator[Provider]:
    """`path`: of the issuer, as where one server has several."""
    provider = Provider(path, tls)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def answering(body: object = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """`body`: bytes, or what JSON is made of."""

    async def answer(_: web.Request) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(body=raw, status=status, headers=headers)

    return answer


async def hanging(_: web.Request) -> web.StreamResponse:
    """Until the client leaves."""
    await asyncio.Event().wait()
    raise AssertionError


async def dripping(request: web.Request) -> web.StreamResponse:
    """A space now and then, and no end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)
