"""`http.headers` are defaults, as in the reference: a header that the handler sets replaces them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.client import application, serving
from tests.api.pushing import push_blob


async def test_what_a_handler_sets_is_sent_once_and_as_it_sets_it(tmp_path: Path) -> None:
    more = (
        "http: {headers: {Cache-Control: [no-cache], Content-Type: [text/x], Content-Length: ['7'], "
        "X-Other: [a, b]}}\n"
    )
    async with serving(application(tmp_path, more=more)) as client:
        digest = await push_blob(client, "a", b"x" * 10)
        blob = await client.get(f"/v2/a/blobs/{digest}")
        assert blob.headers["cache-control"] == "max-age=31536000, immutable"
        assert blob.headers["content-type"] == "application/octet-stream"
        assert blob.headers["content-length"] == "10"
        assert blob.headers["x-other"] == "a, b"
        tags = await client.get("/v2/a/tags/list")
        assert tags.headers["cache-control"] == "no-cache"
        assert tags.headers["content-type"] == "application/json"


async def test_headers_that_no_handler_sets_are_on_every_answer(tmp_path: Path) -> None:
    more = "http: {headers: {Access-Control-Allow-Origin: ['*'], Strict-Transport-Security: [max-age=1]}}\n"
    async with serving(application(tmp_path, more=more)) as client:
        for target in ("/v2/", "/v2/a/tags/list", "/v2/nothing/here"):
            answer = await client.get(target)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["strict-transport-security"] == "max-age=1"


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/nothing", 404),
        ("POST", "/healthz", 405),
    ],
)
async def test_they_are_on_answers_outside_the_api_too(
    tmp_path: Path, method: str, target: str, status: int
) -> None:
    more = "http: {headers: {Strict-Transport-Security: [max-age=1], Content-Type: [text/x], Content-Length: ['7']}}\n"
    async with serving(application(tmp_path, more=more)) as client:
        answer = await client(method, target)
        assert answer.status == status
        assert answer.headers["strict-transport-security"] == "max-age=1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-length"] == str(len(answer.body))
        assert answer.headers["content-type"] == ("text/plain; charset=utf-8" if answer.body else "text/x")
