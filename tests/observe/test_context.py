"""Lines of the log tell which request they are about, while it is on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from moorage.observe import context

SECRET = "hunter2-eyJhbGciOiJFZERTQSJ9"


def request(
    path: str = "/v2/", query: bytes = b"", name: str = "", reference: str = "", **headers: str
) -> Any:
    sent = [(key.replace("_", "-").encode(), value.encode("latin-1")) for key, value in headers.items()]
    scope = {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": query, "headers": sent}
    return SimpleNamespace(
        scope=scope, id="id1", method="GET", name=name, reference=reference, grant=SimpleNamespace(user="")
    )


def address(_: Any) -> str:
    return "192.0.2.1:9"


async def test_fields_are_those_of_the_reference() -> None:
    asked = request(
        "/v2/a/b/manifests/latest", b"n=5", "a/b", "latest",
        host="r:5000", user_agent="docker/27", referer="http://ui.example/x", content_type="text/plain",
    )  # fmt: skip
    context.begin(asked, address)
    # Who it is is known only after the request began.
    asked.grant = SimpleNamespace(user="ann")
    fields = context.fields()
    started = fields.pop("http.request.startedat")
    assert started.endswith("Z")
    assert fields == {
        "http.request.id": "id1",
        "http.request.method": "GET",
        "http.request.host": "r:5000",
        "http.request.uri": "/v2/a/b/manifests/latest?n=5",
        "http.request.remoteaddr": "192.0.2.1:9",
        "http.request.useragent": "docker/27",
        "http.request.referer": "http://ui.example/x",
        "http.request.contenttype": "text/plain",
        "vars.name": "a/b",
        "vars.reference": "latest",
        "auth.user.name": "ann",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_headers_outside_ascii_are_readable(encoding: str) -> None:
    asked = request()
    asked.scope["headers"] = [(b"user-agent", "Käse".encode(encoding)), (b"referer", "/é".encode(encoding))]
    context.begin(asked, address)
    fields = context.fields()
    assert (fields["http.request.useragent"], fields["http.request.referer"]) == ("Käse", "/é")


@pytest.mark.parametrize(
    ("path", "reference", "name"),
    [
        ("/v2/a/manifests/x", "x", "vars.reference"),
        ("/v2/a/blobs/sha256:00", "sha256:00", "vars.digest"),
        ("/v2/a/referrers/sha256:00", "sha256:00", "vars.digest"),
        ("/v2/a/blobs/uploads/1", "1", "vars.uuid"),
        ("/v2/a/blobs/uploads/1/", "1", "vars.uuid"),
    ],
)
async def test_a_reference_is_named_for_what_it_is(path: str, reference: str, name: str) -> None:
    context.begin(request(path, name="a", reference=reference), address)
    found = {key: value for key, value in context.fields().items() if key.startswith("vars.")}
    assert found == {"vars.name": "a", name: reference}


async def test_nothing_secret_is_told() -> None:
    asked = request(
        query=f"_state={SECRET}&token={SECRET}".encode(),
        authorization=f"Bearer {SECRET}",
        cookie=SECRET,
        referer=f"https://ann:{SECRET}@ui.example/?token={SECRET}",
    )
    context.begin(asked, address)
    fields = context.fields()
    assert SECRET not in str(fields)
    assert fields["http.request.uri"] == "/v2/?_state=***&***"
    assert fields["http.request.referer"] == "https://***@ui.example/?***"


async def test_requests_at_the_same_time_are_told_apart() -> None:
    async def handle(number: int) -> list[object]:
        asked = request()
        asked.id = f"id{number}"
        context.begin(asked, address)
        seen = []
        for _ in range(5):
            await asyncio.sleep(0)
            seen.append(context.fields()["http.request.id"])
        context.end()
        return seen

    seen = await asyncio.gather(*map(handle, range(10)))
    assert seen == [[f"id{number}"] * 5 for number in range(10)]


async def test_what_goes_on_after_a_request_is_not_about_it() -> None:
    ended = asyncio.Event()

    async def go_on() -> tuple[dict[str, Any], dict[str, Any]]:
        before = context.fields()
        await ended.wait()
        return before, context.fields()

    context.begin(request(), address)
    task = asyncio.create_task(go_on())
    await asyncio.sleep(0)
    context.end()
    ended.set()
    before, after = await task
    assert before["http.request.id"] == "id1"
    assert after == context.fields() == {}


async def test_the_trace_is_told_too() -> None:
    context.trace.set("4bf92f3577b34da6a3ce929d0e0e4736")
    assert context.fields() == {"trace.id": "4bf92f3577b34da6a3ce929d0e0e4736"}


async def test_a_password_before_the_host_is_not_logged() -> None:
    context.begin(request(host=f"ann:{SECRET}@r:5000"), address)
    assert context.fields()["http.request.host"] == "r:5000"
