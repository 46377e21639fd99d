"""What a browser asks before it sends a request of another site's page (Fetch standard, "CORS protocol")."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.client import Answer, application, serving

ORIGIN = "https://ui.example.org"
ROUTES = {
    "/v2/": "GET, HEAD",
    "/v2/_catalog": "GET, HEAD",
    "/v2/a/tags/list": "GET, HEAD",
    "/v2/a/manifests/latest": "GET, HEAD, PUT, DELETE",
    f"/v2/a/blobs/sha256:{'0' * 64}": "GET, HEAD, DELETE",
    f"/v2/a/referrers/sha256:{'0' * 64}": "GET, HEAD",
    "/v2/a/blobs/uploads/": "POST",
    "/v2/a/blobs/uploads/x": "GET, HEAD, PATCH, PUT, DELETE",
    "/auth/token": "GET, POST",
}


async def asked(folder: Path, headers: str, path: str, **sent: str) -> Answer:
    async with serving(
        application(folder, more=f"http: {{headers: {headers}}}\n" if headers else "")
    ) as client:
        given = {name.replace("_", "-"): value for name, value in sent.items()}
        return await client("OPTIONS", path, headers={"origin": ORIGIN, **given})


@pytest.mark.parametrize("path", ROUTES)
async def test_it_is_told_the_methods_of_the_route(path: str, tmp_path: Path) -> None:
    answer = await asked(tmp_path, f"{{Access-Control-Allow-Origin: ['{ORIGIN}']}}", path)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == answer.headers["allow"] == ROUTES[path]
    assert answer.headers["access-control-allow-origin"] == ORIGIN


async def test_it_is_told_the_headers_that_the_api_knows(tmp_path: Path) -> None:
    answer = await asked(tmp_path, f"{{Access-Control-Allow-Origin: ['{ORIGIN}']}}", "/v2/")
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "accept", "content-type", "range", "if-none-match"} <= {*allowed}


async def test_what_is_configured_is_said_instead_and_once(tmp_path: Path) -> None:
    headers = (
        f"{{Access-Control-Allow-Origin: ['{ORIGIN}'], Access-Control-Allow-Methods: [GET], "
        "Access-Control-Allow-Headers: [Accept], Access-Control-Max-Age: ['600']}"
    )
    answer = await asked(tmp_path, headers, "/v2/a/manifests/latest")
    assert answer.headers["access-control-allow-methods"] == "GET"
    assert answer.headers["access-control-allow-headers"] == "Accept"
    assert answer.headers["access-control-max-age"] == "600"


@pytest.mark.parametrize("headers", ["", "{Access-Control-Allow-Methods: [GET]}", "{X-Other: [y]}"])
async def test_without_a_configured_origin_it_is_no_method(headers: str, tmp_path: Path) -> None:
    answer = await asked(tmp_path, headers, "/v2/")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert "access-control-allow-origin" not in answer.headers


async def test_of_no_route_nothing_is_told(tmp_path: Path) -> None:
    answer = await asked(tmp_path, f"{{Access-Control-Allow-Origin: ['{ORIGIN}']}}", "/v2/none")
    assert answer.status == 404
    assert "access-control-allow-methods" not in answer.headers


async def test_the_origin_that_asks_is_not_repeated(tmp_path: Path) -> None:
    answer = await asked(
        tmp_path, f"{{Access-Control-Allow-Origin: ['{ORIGIN}']}}", "/v2/", origin="https://evil.example"
    )
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "evil" not in repr(answer)
