"""`/v2/<name>/manifests/<reference>`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from moorage.digest import Digest
from moorage.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from moorage.names import Name, Tag
from moorage.store import layout
from tests.api.client import Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.api.pushing import push, push_blob, put_manifest
from tests.store.images import CONFIG, Image, descriptor, image, index

FIRST, SECOND = image("first", layers=2), image("second")
ABSENT = Digest.of(b"never pushed")


def document(**members: Any) -> dict[str, Any]:
    """An OCI image manifest over the empty blob."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"", CONFIG),
        "layers": [],
        **members,
    }


def spaced(value: dict[str, Any]) -> bytes:
    """JSON as no encoder of ours writes it: its bytes must come back."""
    return (json.dumps(value, indent=3, separators=(" ,", " : ")) + "\n").encode()


KINDS = {
    "oci-image": (OCI_MANIFEST, document()),
    "oci-image-untyped": (OCI_MANIFEST, {k: v for k, v in document().items() if k != "mediaType"}),
    "docker-image": (DOCKER_MANIFEST, document(mediaType=DOCKER_MANIFEST)),
    "docker-list": (DOCKER_LIST, {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": []}),
    "null-layers": (OCI_MANIFEST, document(layers=None)),
    "no-layers": (OCI_MANIFEST, {k: v for k, v in document().items() if k != "layers"}),
    "null-docker-layers": (DOCKER_MANIFEST, document(mediaType=DOCKER_MANIFEST, layers=None)),
    "null-index": (OCI_INDEX, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": None}),
    "null-index-untyped": (OCI_INDEX, {"schemaVersion": 2, "manifests": None}),
    "no-manifests": (DOCKER_LIST, {"schemaVersion": 2, "mediaType": DOCKER_LIST}),
    "large": (OCI_MANIFEST, document(annotations={"a": "b" * 400_000})),
    "empty-index": (OCI_INDEX, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}),
    "artifact": (OCI_MANIFEST, document(artifactType="application/vnd.example+json")),
    "unknown-members": (OCI_MANIFEST, document(unknown={"deep": [1, 2.5, None, "\u00e9"]}, x=10**17)),
    "data-member": (
        OCI_MANIFEST,
        document(config={**descriptor(b"", CONFIG), "data": "", "annotations": {"a": "b"}}),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_manifest_comes_back_byte_for_byte(client: Client, kind: str) -> None:
    media_type, value = KINDS[kind]
    pushed = Image(spaced(value), (b"",), (), media_type)
    await push_blob(client, "a", b"")
    answer = await put_manifest(client, "a", pushed, "latest")
    assert answer.status == 201, answer.body
    assert answer.headers["docker-content-digest"] == pushed.digest
    assert answer.headers["location"] == f"/v2/a/manifests/{pushed.digest}"
    for reference in ("latest", pushed.digest):
        for accept in ("", "*/*", "application/vnd.docker.distribution.manifest.v1+json", media_type):
            got = await client.get(f"/v2/a/manifests/{reference}", accept=accept)
            assert (got.status, got.body) == (200, pushed.payload)
            assert got.headers["content-type"] == media_type
            assert got.headers["docker-content-digest"] == pushed.digest
            assert got.headers["etag"] == f'"{pushed.digest}"'
        head = await client.head(f"/v2/a/manifests/{reference}")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(pushed.payload))


async def test_a_nested_index_is_an_index(client: Client) -> None:
    inner = index(FIRST)
    outer = index(inner, SECOND)
    await push(client, "a", outer, "all")
    assert (await client.get("/v2/a/manifests/all")).body == outer.payload
    assert (await client.get(f"/v2/a/manifests/{inner.digest}")).body == inner.payload


async def test_if_none_match_saves_the_body(client: Client) -> None:
    await push(client, "a", FIRST, "latest")
    for method in ("GET", "HEAD"):
        for value in (f'"{FIRST.digest}"', FIRST.digest, f'W/"{FIRST.digest}"'):
            answer = await client(method, "/v2/a/manifests/latest", headers={"If-None-Match": value})
            assert (answer.status, answer.body) == (304, b"")
            assert answer.headers["etag"] == f'"{FIRST.digest}"'
    other = await client.get("/v2/a/manifests/latest", if_none_match=f'"{SECOND.digest}"')
    assert other.status == 200


async def test_a_tag_moves_and_the_old_manifest_stays(client: Client) -> None:
    await push(client, "a", FIRST, "latest")
    await push(client, "a", SECOND, "latest")
    assert (await client.get("/v2/a/manifests/latest")).body == SECOND.payload
    assert (await client.get(f"/v2/a/manifests/{FIRST.digest}")).body == FIRST.payload


async def test_several_tags_in_one_push(client: Client) -> None:
    await push(client, "a", FIRST)
    answer = await put_manifest(client, "a", FIRST, query="?tag=one&tag=two&tag=one")
    assert answer.status == 201
    assert answer.headers["oci-tag"] == "one, two"
    for tag in ("one", "two"):
        assert (await client.get(f"/v2/a/manifests/{tag}")).body == FIRST.payload
    too_many = "?" + "&".join(f"tag=t{number}" for number in range(81))
    assert (await put_manifest(client, "a", FIRST, query=too_many)).codes == ["TAG_INVALID"]
    assert (await put_manifest(client, "a", FIRST, query="?tag=-bad")).codes == ["TAG_INVALID"]


async def test_a_subject_is_told_and_need_not_exist(client: Client) -> None:
    signature = image("signature", subject=SECOND)
    for blob in signature.blobs:
        await push_blob(client, "a", blob)
    answer = await put_manifest(client, "a", signature)
    assert (answer.status, answer.headers["oci-subject"]) == (201, SECOND.digest)


async def test_a_digest_of_either_algorithm_is_repeated(client: Client) -> None:
    await push(client, "a", FIRST)
    answer = await put_manifest(client, "a", FIRST, FIRST.sha512)
    assert (answer.status, answer.headers["docker-content-digest"]) == (201, FIRST.sha512)
    got = await client.get(f"/v2/a/manifests/{FIRST.sha512}")
    assert (got.body, got.headers["docker-content-digest"]) == (FIRST.payload, FIRST.sha512)
    assert got.headers["etag"] == f'"{FIRST.sha512}"'


async def test_each_missing_reference_is_named(client: Client) -> None:
    answer = await put_manifest(client, "a", FIRST, "latest")
    assert answer.status == 400
    assert answer.codes == ["MANIFEST_BLOB_UNKNOWN"] * 3
    named = [error["detail"]["digest"] for error in answer.json["errors"]]
    assert named == [Digest.of(blob) for blob in FIRST.blobs]
    assert (await client.get("/v2/a/manifests/latest")).status == 404
    answer = await put_manifest(client, "a", index(FIRST, SECOND), "latest")
    assert [error["detail"]["digest"] for error in answer.json["errors"]] == [FIRST.digest, SECOND.digest]


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])
async def test_a_manifest_that_was_pushed_as_a_blob_is_missing_to_an_index(
    client: Client, media_type: str
) -> None:
    await push_blob(client, "a", FIRST.payload)
    child = descriptor(FIRST.payload, media_type)
    payload = spaced({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]})
    answer = await put_manifest(client, "a", Image(payload, (), (), OCI_INDEX), "latest")
    assert (answer.status, answer.codes) == (400, ["MANIFEST_BLOB_UNKNOWN"])
    await push(client, "a", FIRST)
    assert (await put_manifest(client, "a", Image(payload, (), (), OCI_INDEX), "latest")).status == 201


@pytest.mark.parametrize("media_type", ["application/vnd.oci.image.layer.v1.tar+gzip", "application/x", None])
async def test_an_index_may_list_blobs_that_are_no_manifests(client: Client, media_type: str | None) -> None:
    """BuildKit writes its cache so."""
    await push_blob(client, "a", b"layer")
    child = {**descriptor(b"layer", ""), "mediaType": media_type}
    payload = spaced({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]})
    assert (await put_manifest(client, "a", Image(payload, (), (), OCI_INDEX), "latest")).status == 201


async def test_content_of_another_repository_is_missing_here(client: Client) -> None:
    await push(client, "other", FIRST)
    assert (await put_manifest(client, "a", FIRST)).codes[0] == "MANIFEST_BLOB_UNKNOWN"
    assert (await client.get(f"/v2/a/manifests/{FIRST.digest}")).status == 404


@pytest.mark.parametrize(
    ("payload", "media_type", "status", "code"),
    [
        (b"", OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b"{", OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b"[]", OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b"\xff", OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b"[" * 200_000, OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b'{"a":' * 200_000, OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b'{"schemaVersion":1}', DOCKER_MANIFEST, 400, "MANIFEST_INVALID"),
        (b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", 400, "MANIFEST_INVALID"),
        (json.dumps(document()).encode(), OCI_INDEX, 400, "MANIFEST_INVALID"),
        (json.dumps(document(manifests=[])).encode(), OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (json.dumps(document(mediaType="text/html")).encode(), "text/html", 400, "MANIFEST_INVALID"),
        (json.dumps(document(mediaType=f"{OCI_MANIFEST}\r\nX: y")).encode(), "", 400, "MANIFEST_INVALID"),
        (json.dumps(document(x=float("nan"))).encode(), OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b'{"schemaVersion":2,"schemaVersion":2}', OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (json.dumps(document(config={**descriptor(b"", CONFIG), "digest": "x"})).encode(), "", 400, "MANIFEST_INVALID"),
        (json.dumps(document(config={**descriptor(b"", CONFIG), "size": -1})).encode(), "", 400, "MANIFEST_INVALID"),
        (json.dumps(document(config={**descriptor(b"", CONFIG), "size": 2**63})).encode(), "", 400, "MANIFEST_INVALID"),
        (json.dumps(document(config={**descriptor(b"", CONFIG), "platform": {"os": ["x"]}})).encode(), "", 400, "MANIFEST_INVALID"),
        (json.dumps(document(config={**descriptor(b"", CONFIG), "digest": "\ud800"})).encode(), "", 400, "MANIFEST_INVALID"),
        (json.dumps(document(annotations={"a": "\udfff"})).encode(), "", 400, "MANIFEST_INVALID"),
        (json.dumps(document(artifactType="\ud800")).encode(), "", 400, "MANIFEST_INVALID"),
        (b"x" * (4 << 20), OCI_MANIFEST, 400, "MANIFEST_INVALID"),
        (b"x" * ((4 << 20) + 1), OCI_MANIFEST, 413, "MANIFEST_INVALID"),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
async def test_a_bad_manifest_is_refused(
    memory: Client, payload: bytes, media_type: str, status: int, code: str
) -> None:
    await push_blob(memory, "a", b"")
    answer = await memory.put("/v2/a/manifests/latest", payload, content_type=media_type)
    assert (answer.status, answer.codes) == (status, [code])
    assert (await memory.get("/v2/a/manifests/latest")).status == 404


async def test_a_large_body_is_cut_off_without_a_length(memory: Client) -> None:
    pieces = [b"x" * (1 << 20)] * 8
    answer = await memory.put("/v2/a/manifests/latest", pieces, content_type=OCI_MANIFEST)
    assert answer.status == 413


async def test_schema_1_is_refused_with_advice(memory: Client) -> None:
    answer = await memory.put("/v2/a/manifests/v", b'{"schemaVersion":1,"fsLayers":[]}')
    assert "Docker 1.10" in answer.json["errors"][0]["message"]


async def test_a_manifest_that_is_not_its_digest_is_refused(client: Client) -> None:
    await push(client, "a", FIRST)
    for wrong in (SECOND.digest, SECOND.sha512):
        answer = await put_manifest(client, "a", FIRST, wrong)
        assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
        assert (await client.get(f"/v2/a/manifests/{wrong}")).status == 404


@pytest.mark.parametrize("reference", ["-x", ".x", "a" * 129, "a b", "\u00e9", "a@b", "late\nst"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_bad_tag_is_refused(memory: Client, method: str, reference: str) -> None:
    answer = await memory(
        method, f"/v2/a/manifests/{quote(reference)}", FIRST.payload if method == "PUT" else b""
    )
    assert (answer.status, answer.codes) == (400, ["TAG_INVALID"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_an_unknown_manifest_is_404(client: Client, method: str) -> None:
    await push(client, "a", FIRST, "latest")
    blob = Digest.of(FIRST.blobs[0])
    for reference in ("missing", ABSENT, Digest.of(b"", "sha512"), blob):
        answer = await client(method, f"/v2/a/manifests/{reference}")
        assert answer.status == 404, reference
        assert method == "HEAD" or answer.codes == ["MANIFEST_UNKNOWN"]


async def test_deleting_a_tag_leaves_its_siblings_and_its_manifest(client: Client) -> None:
    await push(client, "a", FIRST, "one", "two")
    assert (await client.delete("/v2/a/manifests/one")).status == 202
    assert (await client.get("/v2/a/manifests/one")).status == 404
    assert (await client.delete("/v2/a/manifests/one")).status == 404
    for reference in ("two", FIRST.digest):
        assert (await client.get(f"/v2/a/manifests/{reference}")).body == FIRST.payload


async def test_deleting_a_digest_takes_its_tags(client: Client) -> None:
    await push(client, "a", FIRST, "one", "two")
    await push(client, "a", SECOND, "three")
    await push(client, "b", FIRST, "one")
    await put_manifest(client, "a", FIRST, FIRST.sha512)
    assert (await client.delete(f"/v2/a/manifests/{FIRST.digest}")).status == 202
    for reference in ("one", "two", FIRST.digest, FIRST.sha512):
        assert (await client.get(f"/v2/a/manifests/{reference}")).status == 404
    assert (await client.get("/v2/a/manifests/three")).body == SECOND.payload
    assert (await client.get("/v2/b/manifests/one")).body == FIRST.payload
    await push(client, "a", FIRST, "one")
    assert (await client.get("/v2/a/manifests/one")).body == FIRST.payload


async def test_an_odd_name_among_the_revisions_disturbs_nothing(disk: Client, tmp_path: Path) -> None:
    await push(disk, "a", FIRST, "latest")
    folder = Path(str(tmp_path / "root") + layout.revisions(Name("a")))
    for odd in ("sha512/lost+found", "sha256/.nfs0001", "md5/x"):
        (folder / odd).mkdir(parents=True)
    assert (await disk.get(f"/v2/a/referrers/{FIRST.digest}")).status == 200
    assert (await disk.delete(f"/v2/a/manifests/{FIRST.digest}")).status == 202


def manifest_file(folder: Path, pushed: Image) -> Path:
    return Path(str(folder / "root") + layout.blob_data(pushed.digest))


@pytest.mark.parametrize("damage", [b"", b"{", b"\0" * 500], ids=["empty", "torn", "zeros"])
async def test_a_damaged_manifest_is_404_until_it_is_pushed_again(tmp_path: Path, damage: bytes) -> None:
    """A server that starts on the tree of a crashed one: nothing of it is in memory."""
    storage = FILESYSTEM.format(root=tmp_path / "root")
    async with serving(application(tmp_path, storage)) as before:
        await push(before, "a", FIRST, "latest")
    manifest_file(tmp_path, FIRST).write_bytes(damage)
    async with serving(application(tmp_path, storage)) as after:
        for reference in ("latest", FIRST.digest):
            answer = await after.get(f"/v2/a/manifests/{reference}")
            assert (answer.status, answer.codes) == (404, ["MANIFEST_UNKNOWN"])
        assert (await put_manifest(after, "a", FIRST, "latest")).status == 201
        assert (await after.get("/v2/a/manifests/latest")).body == FIRST.payload
    async with serving(application(tmp_path, storage)) as again:
        assert (await again.get("/v2/a/manifests/latest")).body == FIRST.payload


@pytest.mark.parametrize(
    "torn", [b"", b"sha256:1", b"\0" * 71, b"\xff" * 71], ids=["empty", "half", "zeros", "noise"]
)
async def test_a_torn_tag_is_answered_from_its_history_until_it_is_pushed_again(
    disk: Client, tmp_path: Path, torn: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for manifest in (SECOND, FIRST, SECOND):
        await push(disk, "a", manifest, "latest")
        await asyncio.sleep(0.02)
    link = Path(str(tmp_path / "root") + layout.tag_link(Name("a"), Tag("latest")))
    link.write_bytes(torn)
    for _ in range(2):
        assert (await disk.get("/v2/a/manifests/latest")).body == SECOND.payload
    assert link.read_bytes() == torn, "a push may have come between the look and the repair"
    assert caplog.text.count("a tag is torn") == 1
    await push(disk, "a", FIRST, "latest")
    assert (await disk.get("/v2/a/manifests/latest")).body == FIRST.payload


@pytest.mark.parametrize("torn", [b"", b"sha256:1", b"\0" * 71], ids=["empty", "half", "zeros"])
async def test_a_torn_revision_is_repaired_from_its_path(disk: Client, tmp_path: Path, torn: bytes) -> None:
    await push(disk, "a", FIRST, "latest")
    link = Path(str(tmp_path / "root") + layout.revision_link(Name("a"), FIRST.digest))
    link.write_bytes(torn)
    assert (await disk.get("/v2/a/manifests/latest")).body == FIRST.payload


async def test_a_tag_without_history_is_unknown(disk: Client, tmp_path: Path) -> None:
    await push(disk, "a", FIRST, "latest")
    folder = Path(str(tmp_path / "root") + layout.tag(Name("a"), Tag("odd")))
    (folder / "current").mkdir(parents=True)
    (folder / "current/link").write_bytes(b"")
    assert (await disk.get("/v2/a/manifests/odd")).codes == ["MANIFEST_UNKNOWN"]


async def test_a_tag_that_moves_is_always_readable(client: Client) -> None:
    """1,000 overwrites beside readers: each answer is one of the two manifests, never an error."""
    pair = (FIRST, SECOND)
    for one in pair:
        await push(client, "a", one)
    await put_manifest(client, "a", FIRST, "latest")
    reads = 0

    async def read() -> None:
        nonlocal reads
        while not writing.done():
            answer = await client.get("/v2/a/manifests/latest")
            assert answer.status == 200
            assert answer.body in (FIRST.payload, SECOND.payload)
            assert Digest.of(answer.body) == answer.headers["docker-content-digest"]
            reads += 1
            await asyncio.sleep(0)

    async def write() -> None:
        for number in range(1_000):
            assert (await put_manifest(client, "a", pair[number % 2], "latest")).status == 201
            await asyncio.sleep(0)

    writing = asyncio.ensure_future(write())
    await asyncio.gather(writing, read(), read())
    assert reads > 500
