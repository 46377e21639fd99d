"""`/v2/<name>/blobs/<digest>`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moorage.digest import EMPTY, Digest
from moorage.names import Name
from moorage.store import layout
from tests.api.client import Client
from tests.api.pushing import push_blob
from tests.store.images import noise

DATA = noise("blob", 100_000)
ABSENT = Digest.of(b"never pushed")


def stored(folder: Path, digest: Digest) -> Path:
    return Path(str(folder / "root") + layout.blob_data(digest))


def link(folder: Path, name: str, digest: Digest) -> Path:
    return Path(str(folder / "root") + layout.layer_link(Name(name), digest))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_blob_is_answered_under_the_digest_it_was_pushed_by(client: Client, algorithm: str) -> None:
    digest = await push_blob(client, "team/app", DATA, algorithm)
    for method in ("GET", "HEAD"):
        answer = await client(method, f"/v2/team/app/blobs/{digest}")
        assert answer.status == 200
        assert answer.complete
        assert answer.body == (DATA if method == "GET" else b"")
        assert answer.headers["content-length"] == str(len(DATA))
        assert answer.headers["docker-content-digest"] == digest
        assert answer.headers["etag"] == f'"{digest}"'
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_content_pushed_as_sha512_is_there_as_sha256_too(client: Client) -> None:
    await push_blob(client, "a", DATA, "sha512")
    assert (await client.get(f"/v2/a/blobs/{Digest.of(DATA)}")).body == DATA


async def test_the_empty_blob_is_a_blob(client: Client) -> None:
    await push_blob(client, "a", b"")
    answer = await client.get(f"/v2/a/blobs/{EMPTY}")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize("wanted", ["bytes=0-", "bytes=0-99", "bytes=-5", "bytes=7-", "bytes=x"])
async def test_of_the_empty_blob_any_range_is_the_whole(client: Client, wanted: str) -> None:
    """Some clients ask for ranges only, so as to limit what they get."""
    await push_blob(client, "a", b"")
    answer = await client.get(f"/v2/a/blobs/{EMPTY}", range=wanted)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
    assert "content-range" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_an_unknown_blob_is_404(client: Client, method: str) -> None:
    await push_blob(client, "other", DATA)
    for digest in (ABSENT, Digest.of(DATA), Digest.of(DATA, "sha512")):
        answer = await client(method, f"/v2/team/app/blobs/{digest}")
        assert answer.status == 404
        if method != "HEAD":
            assert answer.codes == ["BLOB_UNKNOWN"]
            assert answer.json["errors"][0]["detail"] == {"digest": digest}


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:abc",
        "md5:" + "0" * 32,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 65,
        "nonsense",
        "sha256:" + "0" * 63 + "g",
    ],
)
async def test_a_bad_digest_is_refused(memory: Client, digest: str) -> None:
    for method in ("GET", "DELETE"):
        answer = await memory(method, f"/v2/a/blobs/{digest}")
        assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("0-99", 0, 100),
        ("5-", 5, None),
        ("-7", -7, None),
        ("99999-", 99_999, None),
        ("0-999999", 0, None),
        ("-999999", 0, None),
        ("70000-70001", 70_000, 70_002),
    ],
)
async def test_one_range_is_answered_with_206(
    client: Client, wanted: str, start: int, stop: int | None
) -> None:
    digest = await push_blob(client, "a", DATA)
    answer = await client.get(f"/v2/a/blobs/{digest}", range=f"bytes={wanted}")
    part = DATA[start:stop]
    first = len(DATA) + start if start < 0 else start
    assert (answer.status, answer.body) == (206, part)
    assert answer.headers["content-length"] == str(len(part))
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(DATA)}"


@pytest.mark.parametrize("wanted", ["5-2", "-0", "100000-", "x-", "-", "1-x", " - ", "1_0-20", "\u00b2-"])
async def test_a_range_that_cannot_be_satisfied_is_416(client: Client, wanted: str) -> None:
    digest = await push_blob(client, "a", DATA)
    answer = await client.get(f"/v2/a/blobs/{digest}", range=f"bytes={wanted}")
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
    assert answer.headers["content-range"] == f"bytes */{len(DATA)}"
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "bytes=" + ",".join(f"{n}-{n}" for n in range(900)), "lines=1-2"]
)
async def test_several_ranges_and_other_units_are_answered_with_the_whole(
    client: Client, wanted: str
) -> None:
    digest = await push_blob(client, "a", DATA)
    answer = await client.get(f"/v2/a/blobs/{digest}", range=wanted)
    assert (answer.status, answer.body) == (200, DATA)


async def test_if_range_guards_a_range(client: Client) -> None:
    digest = await push_blob(client, "a", DATA)
    target = f"/v2/a/blobs/{digest}"
    for value, status in (
        (f'"{digest}"', 206),
        (f'"{ABSENT}"', 200),
        (f'W/"{digest}"', 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
    ):
        answer = await client.get(target, range="bytes=0-9", if_range=value)
        assert answer.status == status, value


async def test_if_none_match_saves_the_body(client: Client) -> None:
    digest = await push_blob(client, "a", DATA)
    for value in (f'"{digest}"', f'W/"{digest}"', digest, f'"x", "{digest}"', "*"):
        for method in ("GET", "HEAD"):
            answer = await client(method, f"/v2/a/blobs/{digest}", headers={"If-None-Match": value})
            assert (answer.status, answer.body) == (304, b""), value
            assert answer.headers["etag"] == f'"{digest}"'
            assert "immutable" in answer.headers["cache-control"]
    assert (await client.get(f"/v2/a/blobs/{digest}", if_none_match='"other"')).status == 200


async def test_what_a_repository_lacks_is_404_whatever_the_client_has(client: Client) -> None:
    assert (await client.get(f"/v2/a/blobs/{ABSENT}", if_none_match="*")).status == 404


async def test_deleting_takes_a_blob_from_one_repository(client: Client) -> None:
    for name in ("a", "b"):
        await push_blob(client, name, DATA)
    digest = Digest.of(DATA)
    answer = await client.delete(f"/v2/a/blobs/{digest}")
    assert (answer.status, answer.headers["docker-content-digest"]) == (202, digest)
    assert (await client.get(f"/v2/a/blobs/{digest}")).status == 404
    assert (await client.delete(f"/v2/a/blobs/{digest}")).status == 404
    assert (await client.get(f"/v2/b/blobs/{digest}")).body == DATA
    await push_blob(client, "a", DATA)
    assert (await client.get(f"/v2/a/blobs/{digest}")).body == DATA


@pytest.mark.parametrize("deleted", ["sha256", "sha512"])
async def test_deleting_takes_a_blob_under_all_its_digests(client: Client, deleted: str) -> None:
    for name in ("a", "b"):
        await push_blob(client, name, DATA, "sha512")
    digests = [Digest.of(DATA, algorithm) for algorithm in ("sha256", "sha512")]
    for digest in digests:
        assert (await client.head(f"/v2/a/blobs/{digest}")).status == 200
    assert (await client.delete(f"/v2/a/blobs/{Digest.of(DATA, deleted)}")).status == 202
    for digest in digests:
        for method in ("HEAD", "GET", "DELETE"):
            assert (await client(method, f"/v2/a/blobs/{digest}")).status == 404, (method, digest)
        mounted = await client("POST", f"/v2/c/blobs/uploads/?mount={digest}&from=a")
        assert mounted.status == 202, "a deleted blob was mounted"
        assert (await client.get(f"/v2/b/blobs/{digest}")).body == DATA
    await push_blob(client, "a", DATA, "sha512")
    for digest in digests:
        assert (await client.get(f"/v2/a/blobs/{digest}")).body == DATA


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_001])
async def test_a_file_of_the_wrong_size_is_never_served(disk: Client, tmp_path: Path, size: int) -> None:
    """A disk lost its end, or a crash left it empty: 404, so that clients push it again, which repairs it."""
    digest = await push_blob(disk, "a", DATA)
    os.truncate(stored(tmp_path, digest), size)
    for method in ("GET", "HEAD"):
        assert (await disk(method, f"/v2/a/blobs/{digest}")).status == 404
    mounted = await disk("POST", f"/v2/b/blobs/uploads/?mount={digest}&from=a")
    assert mounted.status == 202, "a damaged blob was mounted"
    await push_blob(disk, "a", DATA)
    assert (await disk.get(f"/v2/a/blobs/{digest}")).body == DATA


async def test_an_empty_file_of_another_program_is_no_blob(disk: Client, tmp_path: Path) -> None:
    """The reference implementation leaves these when it dies; they have no recorded size."""
    digest = await push_blob(disk, "a", DATA)
    stored(tmp_path, digest).unlink()
    stored(tmp_path, digest).write_bytes(b"")
    assert (await disk.get(f"/v2/a/blobs/{digest}")).codes == ["BLOB_UNKNOWN"]
    await push_blob(disk, "a", DATA)
    assert (await disk.get(f"/v2/a/blobs/{digest}")).body == DATA


async def test_a_file_cut_off_during_the_answer_breaks_the_connection(disk: Client, tmp_path: Path) -> None:
    digest = await push_blob(disk, "a", noise("large", 3 << 20))
    path = stored(tmp_path, digest)
    reached = 0

    async def cut(scope: object, receive: object, send: object) -> None:
        async def sending(message: dict[str, object]) -> None:
            nonlocal reached
            reached += 1
            if reached == 3:
                os.truncate(path, 1 << 20)
            await send(message)  # type: ignore[operator]

        await disk.app(scope, receive, sending)  # type: ignore[arg-type]

    answer = await Client(cut).get(f"/v2/a/blobs/{digest}")
    assert answer.status == 200
    assert not answer.complete, "a part was sent as if it were the whole"
    assert len(answer.body) < 3 << 20


@pytest.mark.parametrize("torn", [b"", b"sha256:12", b"\0" * 71])
async def test_a_torn_link_is_repaired_from_its_path(disk: Client, tmp_path: Path, torn: bytes) -> None:
    digest = await push_blob(disk, "a", DATA)
    link(tmp_path, "a", digest).write_bytes(torn)
    assert (await disk.get(f"/v2/a/blobs/{digest}")).body == DATA
    assert (await disk.head(f"/v2/a/blobs/{digest}")).status == 200


async def test_a_torn_sha512_link_is_repaired_by_pushing_again(disk: Client, tmp_path: Path) -> None:
    digest = await push_blob(disk, "a", DATA, "sha512")
    for torn in (b"", b"sha256:12", b"\xff\xfe", b"sha256:" + b"0" * 63):
        link(tmp_path, "a", digest).write_bytes(torn)
        assert (await disk.get(f"/v2/a/blobs/{digest}")).status == 404
    await push_blob(disk, "a", DATA, "sha512")
    assert (await disk.get(f"/v2/a/blobs/{digest}")).body == DATA


async def test_links_with_a_final_newline_are_links(disk: Client, tmp_path: Path) -> None:
    """Written by hand, or by scripts that move registries."""
    digest = await push_blob(disk, "a", DATA, "sha512")
    link(tmp_path, "a", digest).write_bytes(Digest.of(DATA).encode() + b"\n")
    assert (await disk.get(f"/v2/a/blobs/{digest}")).body == DATA
