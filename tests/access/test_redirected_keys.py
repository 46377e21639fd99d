"""The credentials for the keys of a token service go to that service and nowhere else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from tests.access.credentials import AUDIENCE, ISSUER, bearer, service_token
from tests.access.registries import ELSEWHERE, started
from tests.auth.tokens import ec_key, jwk, jwks


@dataclass
class KeyServer:
    """Answers with the key set at `/keys`, and at `/moved` as `status` and `location` say."""

    port: int = 0
    status: int = 302
    location: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("Authorization")))
        if request.path == "/moved":
            return web.Response(status=self.status, headers={"Location": self.location})
        return web.Response(body=jwks(jwk(ec_key())), content_type="application/json")


@asynccontextmanager
async def serving_keys() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    application = web.Application()
    application.router.add_route("*", "/{any:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


async def status(url: str, folder: Path) -> int:
    """Of a registry with keys from there, to a token that is right."""
    section = {"realm": ELSEWHERE, "service": AUDIENCE, "issuer": ISSUER, "jwks": url}
    async with started("registry", folder, f"auth: {json.dumps({'token': section})}\n") as registry:
        answer = await registry.client("GET", "/v2/", headers=bearer(service_token("admin")))
        return answer.status


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "way",
    [
        "//127.0.0.1:{0}/keys",
        "http://127.0.0.1:{0}/keys",
        "http://localhost:{0}/keys",
        "http://ann:secret@127.0.0.1:{0}/keys",
        "https://127.0.0.1:{0}/keys",
    ],
)
async def test_a_redirect_to_another_server_is_not_followed(code: int, way: str, tmp_path: Path) -> None:
    """CVE-2026-33540, CVE-2025-51471, CVE-2020-15157: credentials for one server were sent to another that it named. A
    registry without keys lets nobody in."""
    async with serving_keys() as here, serving_keys() as elsewhere:
        here.status, here.location = code, way.format(elsewhere.port)
        assert await status(f"http://ann:secret@127.0.0.1:{here.port}/moved", tmp_path) == 503
        assert {path for path, _ in here.asked} == {"/moved"}
        assert elsewhere.asked == []


async def test_a_redirect_on_the_same_server_is(tmp_path: Path) -> None:
    async with serving_keys() as here:
        here.location = "/keys"
        assert await status(f"http://ann:secret@127.0.0.1:{here.port}/moved", tmp_path) == 200
        assert here.asked == [("/moved", "Basic YW5uOnNlY3JldA=="), ("/keys", "Basic YW5uOnNlY3JldA==")]


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/moved",
        "file:///etc/passwd",
        "data:application/json,{}",
        "gopher://127.0.0.1/",
        "http://",
    ],
)
async def test_a_redirect_that_leads_nowhere_is_an_end(location: str, tmp_path: Path) -> None:
    async with serving_keys() as here:
        here.location = location
        assert await status(f"http://127.0.0.1:{here.port}/moved", tmp_path) == 503
        assert len(here.asked) <= 8
