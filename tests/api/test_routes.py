"""Every row of the route table with every method, and paths that are near it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from moorage.api import routes
from moorage.digest import Digest
from tests.api.client import Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.api.pushing import push, push_blob, put_manifest
from tests.store.images import image

IMAGE = image("routes")
DIGEST = Digest.of(IMAGE.blobs[0])
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "__init__",
    "X" * 1_000,
)

TABLE = {
    "/v2/": "GET, HEAD",
    "/v2": "GET, HEAD",
    "/v2/_catalog": "GET, HEAD",
    "/v2/a/b/tags/list": "GET, HEAD",
    "/v2/a/b/manifests/latest": "GET, HEAD, PUT, DELETE",
    f"/v2/a/b/manifests/{IMAGE.digest}": "GET, HEAD, PUT, DELETE",
    f"/v2/a/b/blobs/{DIGEST}": "GET, HEAD, DELETE",
    f"/v2/a/b/referrers/{IMAGE.digest}": "GET, HEAD",
    "/v2/a/b/blobs/uploads/": "POST",
    "/v2/a/b/blobs/uploads": "POST",
    "/v2/a/b/blobs/uploads/0-0": "GET, HEAD, PATCH, PUT, DELETE",
}


@pytest.mark.parametrize("path", TABLE)
@pytest.mark.parametrize("method", METHODS, ids=lambda name: name[:8])
async def test_a_method_that_a_route_lacks_is_405_with_those_it_has(
    memory: Client, path: str, method: str
) -> None:
    answer = await memory(method, path)
    if method in TABLE[path].split(", "):
        assert answer.status != 405
        return
    assert answer.status == 405
    assert method == "HEAD" or answer.codes == ["UNSUPPORTED"]
    assert answer.headers["allow"] == TABLE[path]
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.parametrize(
    "path",
    [
        "/v2/x",
        "/v2/a/tags",
        "/v2/a/tags/lists",
        "/v2//",
        "/v2/a/blobs",
        "/v2/a/manifests/",
        "/v2/_catalog/x",
        "/v2/a//",
        "/v2/a/manifests/x/y",
        "/v2/manifests/x",
        "/v2/tags/list",
        "/v2/_catalog//",
    ],
)
async def test_no_such_route_is_404(memory: Client, path: str) -> None:
    answer = await memory.get(path)
    assert answer.status == 404
    assert answer.codes in (["UNSUPPORTED"], ["NAME_UNKNOWN"], ["NAME_INVALID"]), answer.body


@pytest.mark.parametrize(
    "name", ["UPPER", "a//b", "-a", "a-", "a..b", "a___b", "a/../b", "_a", "a\u00e9", "a" * 256]
)
async def test_a_bad_name_is_refused(memory: Client, name: str) -> None:
    for path in (
        f"/v2/{quote(name)}/tags/list",
        f"/v2/{quote(name)}/manifests/latest",
        f"/v2/{quote(name)}/blobs/{DIGEST}",
    ):
        answer = await memory.get(path)
        assert (answer.status, answer.codes) == (400, ["NAME_INVALID"]), path


@pytest.mark.parametrize(
    "name",
    ["blobs", "manifests", "tags", "tags/list", "blobs/uploads", "referrers", "a/manifests/b", "uploads"],
)
async def test_the_words_of_routes_are_names_too(client: Client, name: str) -> None:
    await push(client, name, IMAGE, "latest")
    assert (await client.get(f"/v2/{name}/manifests/latest")).body == IMAGE.payload
    assert (await client.get(f"/v2/{name}/tags/list")).json == {"name": name, "tags": ["latest"]}
    assert (await client.get(f"/v2/{name}/blobs/{DIGEST}")).status == 200
    assert (await client.get(f"/v2/{name}/referrers/{IMAGE.digest}")).status == 200


async def test_a_name_of_the_greatest_length_works(client: Client) -> None:
    name = "/".join(["abcdefg"] * 31) + "/" + "x" * 7
    assert len(name) == 255
    await push(client, name, IMAGE, "t" * 128)
    assert (await client.get(f"/v2/{name}/manifests/{'t' * 128}")).body == IMAGE.payload


async def test_a_single_component_of_the_greatest_length_is_no_failure(client: Client) -> None:
    for name in ("n" * 255, "n" * 200 + "/" + "m" * 54):
        answer = await client("POST", f"/v2/{name}/blobs/uploads/")
        assert answer.status in (202, 400)


async def test_the_base_tells_what_this_is(memory: Client) -> None:
    for path in ("/v2/", "/v2"):
        answer = await memory.get(path)
        assert (answer.status, answer.json) == (200, {})
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


async def test_long_paths_and_queries_are_431(memory: Client) -> None:
    assert (await memory.get(f"/v2/a/manifests/{'x' * 9_000}")).status == 431
    assert (await memory.get(f"/v2/_catalog?n=1&x={'x' * 9_000}")).status == 431


@pytest.mark.parametrize("query", ["n=\u00c3\u00a9", "\u00ff", "&".join(["a=b"] * 101)])
async def test_a_query_that_cannot_be_read_is_400(memory: Client, query: str) -> None:
    answer = await memory.get(f"/v2/_catalog?{query}")
    assert answer.status == 400


async def test_every_answer_has_an_id_of_its_own(memory: Client) -> None:
    ids = {(await memory.get("/v2/")).headers["x-request-id"] for _ in range(50)}
    assert len(ids) == 50
    assert (await memory.get("/v2/", x_request_id="mine-1")).headers["x-request-id"] == "mine-1"
    for odd in ("a b", "x" * 65, "a\tb", "\u00e9", '"'):
        assert (await memory.get("/v2/", x_request_id=odd)).headers["x-request-id"] != odd


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz"])
async def test_it_is_alive(memory: Client, path: str) -> None:
    assert (await memory.get(path)).status == 200


async def test_a_body_that_does_not_come_does_not_hold_up_what_is_told_of_health(memory: Client) -> None:
    asked = []

    def body() -> Iterator[bytes]:
        asked.append("for its first piece")
        yield b"a"

    for path in ("/", "/healthz", "/readyz"):
        assert (await memory("GET", path, body(), {"content-length": "2"})).status == 200
    expecting = {"expect": "100-continue", "content-length": "2"}
    assert (await memory("PUT", "/nope", body(), expecting)).status == 404
    assert not asked


async def test_headers_of_the_configuration_are_on_every_answer(tmp_path: Path) -> None:
    more = "http:\n  headers:\n    X-Own: [one]\n    X-Content-Type-Options: [nosniff]\n"
    async with serving(application(tmp_path, more=more)) as client:
        for path in ("/v2/", "/v2/nothing", "/v2/a/tags/list"):
            answer = await client.get(path)
            assert answer.headers["x-own"] == "one"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_prefix_is_the_beginning_of_everything(tmp_path: Path) -> None:
    async with serving(application(tmp_path, more="http:\n  prefix: /some/where/\n")) as client:
        assert (await client.get("/some/where/v2/")).status == 200
        assert (await client.get("/v2/")).status == 404
        opened = await client("POST", "/some/where/v2/a/blobs/uploads/")
        assert opened.headers["location"].startswith("/some/where/v2/a/blobs/uploads/")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_nothing_is_deleted_while_deleting_is_disabled(tmp_path: Path) -> None:
    """By tag, by digest, by blob; only one's own upload can be ended."""
    storage = FILESYSTEM.format(root=tmp_path / "root").replace("enabled: true", "enabled: false")
    async with serving(application(tmp_path, storage)) as client:
        await push(client, "a", IMAGE, "latest")
        before = tree(tmp_path / "root")
        for target in (
            "manifests/latest",
            f"manifests/{IMAGE.digest}",
            f"blobs/{DIGEST}",
            "manifests/none",
            "blobs/x",
        ):
            answer = await client.delete(f"/v2/a/{target}")
            assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"])
            assert answer.headers["allow"] == ("GET, HEAD" if "blobs" in target else "GET, HEAD, PUT")
        assert (await client("PATCH", f"/v2/a/blobs/{DIGEST}")).headers["allow"] == "GET, HEAD"
        assert tree(tmp_path / "root") == before
        opened = await client("POST", "/v2/a/blobs/uploads/")
        assert (await client.delete(opened.headers["location"])).status == 204
        assert tree(tmp_path / "root") == before


async def test_nothing_is_written_while_it_is_read_only(tmp_path: Path) -> None:
    storage = FILESYSTEM.format(root=tmp_path / "root")
    async with serving(application(tmp_path, storage)) as client:
        await push(client, "a", IMAGE, "latest")
        opened = (await client("POST", "/v2/a/blobs/uploads/")).headers["location"]
    before = tree(tmp_path / "root")
    read_only = storage + "  maintenance:\n    readonly:\n      enabled: true\n"
    async with serving(application(tmp_path, read_only)) as client:
        answers = [
            await put_manifest(client, "a", IMAGE, "other"),
            await client("POST", "/v2/a/blobs/uploads/"),
            await client("POST", f"/v2/b/blobs/uploads/?mount={DIGEST}&from=a"),
            await client("PATCH", opened, b"x"),
            await client.put(opened, b"x"),
            await client.delete(opened),
            await client.delete("/v2/a/manifests/latest"),
            await client.delete(f"/v2/a/blobs/{DIGEST}"),
        ]
        assert {(answer.status, *answer.codes) for answer in answers} == {(405, "UNSUPPORTED")}
        readable = "GET, HEAD"
        assert [answer.headers["allow"] for answer in answers] == [readable, "", "", *[readable] * 5]
        assert (await client("PATCH", f"/v2/a/blobs/{DIGEST}")).headers["allow"] == readable
        assert (await client.get("/v2/a/manifests/latest")).body == IMAGE.payload
        assert (await client.get("/v2/a/tags/list")).status == 200
        assert (await client.get(f"/v2/a/referrers/{IMAGE.digest}")).status == 200
    assert tree(tmp_path / "root") == before


def test_every_route_says_what_it_needs() -> None:
    found = [routes.match(path) for path in TABLE]
    for path, matched in zip(TABLE, found, strict=True):
        assert matched is not None, path
        route, _, _ = matched
        for method, operation in route.operations.items():
            assert operation.writes == (method not in ("GET", "HEAD")), f"{method} {path}"
            assert (operation.needs == "known") == (path in ("/v2/", "/v2")), f"{method} {path}"
            assert operation.needs != "nothing", f"{method} {path}"


async def test_a_blob_pushed_once_is_served_for_head_everywhere(client: Client) -> None:
    digest = await push_blob(client, "a", b"x")
    await push(client, "a", IMAGE, "latest")
    for path in (
        "/v2/",
        "/v2/_catalog",
        "/v2/a/tags/list",
        "/v2/a/manifests/latest",
        f"/v2/a/blobs/{digest}",
    ):
        got, head = await client.get(path), await client.head(path)
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["content-length"] == str(len(got.body))
