"""What else might answer on the registry's port: nothing does. And no answer tells of what is behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.access.cases import cases
from tests.access.credentials import by_password, password, user
from tests.access.registries import Registry, guarded, open_registry
from tests.access.table import HAS, NEEDS
from tests.api.client import Answer

ELSEWHERE: Final = (
    "/debug", "/debug/", "/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/debug/health", "/metrics", "/metrics/", "/v2/metrics",
    "/stats", "/status", "/health", "/ping", "/livez", "/admin", "/api", "/api/v1", "/api/v2.0/users", "/v1/", "/v1/_ping", "/v1/search", "/v3/", "/docs", "/redoc", "/openapi.json",
    "/swagger.json", "/graphql", "/login", "/logout", "/auth", "/auth/", "/auth/keys", "/auth/jwks.json", "/auth/token/x", "/token", "/oauth/token", "/.well-known/jwks.json",
    "/.well-known/openid-configuration", "/.env", "/.git/config", "/config.yml", "/htpasswd", "/robots.txt", "/favicon.ico", "/static/", "/index.html", "/server-status",
    "/v2/_debug", "/v2/_health", "/v2/_search", "/v2/_admin", "/v2/_state", "/v2/_blobs", "/v2/_uploads", "/v2/_ext/discover", "/v2/alpha/app", "/v2/alpha/app/", "/v2/alpha/app/_uploads",
    "/v2/alpha/app/blobs", "/v2/alpha/app/blobs/", "/v2/alpha/app/manifests", "/v2/alpha/app/manifests/", "/v2/alpha/app/tags", "/v2/alpha/app/_layers", "/v2/alpha/app/signatures/x",
)  # fmt: skip


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(tmp_path) as (plain, _), guarded("rules", tmp_path / "g", plain) as made:
        yield made


async def test_there_is_nothing_but_the_api(registry: Registry) -> None:
    """The reference once had a profiler without any password; zot's metrics and Harbor's catalog answered beside their guards
    (CVE-2020-29662)."""
    for path in ELSEWHERE:
        for identity in ("anonymous", "admin"):
            for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
                answer = await registry.ask(identity, method, path)
                assert answer.status in (404, 405), (identity, method, path)
                assert len(answer.body) < 200
    assert not registry.differences()


async def test_health_tells_everybody_and_nothing_else(registry: Registry) -> None:
    """Quay's had names of other people's repositories in it."""
    for path in ("/", "/healthz", "/readyz"):
        for identity in HAS:
            answer = await registry.ask(identity, "GET", path)
            assert (answer.status, answer.body) == (200, b"")


async def test_no_answer_has_a_path_a_token_or_a_password_in_it(registry: Registry, tmp_path: Path) -> None:
    async with open_registry(tmp_path / "again") as (_, uploads):
        asked = [case for route in NEEDS for case in cases(route, "A", uploads)]
    for case in asked:
        if case.body == "huge" or case.route == "token":
            continue
        for identity in ("anonymous", "bad password", "expired", "pull A", "admin"):
            answer = await registry.ask(identity, case.method, case.target, case.content, case.headers)
            assert answer.status < 500
            assert not secrets_in(answer, registry, identity), (identity, case)
            registry.restore()


def secrets_in(answer: Answer, registry: Registry, identity: str) -> list[str]:
    told = answer.body.decode("latin-1") + repr(answer.headers)
    sent = dict(registry.identities.get(identity, ())).get("authorization", "").partition(" ")[2]
    words = [
        str(registry.folder),
        "htpasswd",
        "/docker/registry",
        "Traceback",
        "moorage/keys",
        ".py",
        "$2b$",
        "wrong",
    ]
    words += [password(user("admin")), by_password("admin")[0][1][6:], *filter(None, [sent])]
    return [word for word in words if word in told]
