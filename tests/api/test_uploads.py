"""`/v2/<name>/blobs/uploads/`: sessions, chunks, mounts, and what goes wrong in them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.types import Message

from moorage.digest import EMPTY, Digest
from moorage.names import Name
from moorage.store import layout
from tests.api.client import DISCONNECT, Client
from tests.api.pushing import push_blob
from tests.api.uploading import DATA, DIGEST, UPLOADS, fetched, finish, send, start


def sessions(folder: Path) -> list[str]:
    place = Path(str(folder / "root") + layout.uploads(Name("team/app")))
    return [entry.name for entry in place.iterdir()] if place.is_dir() else []


async def test_one_put_after_the_post(client: Client) -> None:
    answer = await finish(client, await start(client), DATA)
    assert answer.status == 201
    assert answer.headers["docker-content-digest"] == DIGEST
    assert answer.headers["location"] == f"/v2/team/app/blobs/{DIGEST}"
    assert await fetched(client) == DATA


async def test_one_post_with_the_digest(client: Client) -> None:
    answer = await client("POST", f"{UPLOADS}?digest={DIGEST}", DATA)
    assert (answer.status, answer.headers["docker-content-digest"]) == (201, DIGEST)
    assert answer.headers["docker-upload-uuid"]
    assert await fetched(client) == DATA


async def test_one_post_at_the_wrong_place_names_no_session_to_go_on_with(
    disk: Client, tmp_path: Path
) -> None:
    answer = await disk("POST", f"{UPLOADS}?digest={DIGEST}", b"01234", {"content-range": "5-9"})
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
    assert not {"location", "range", "docker-upload-uuid"} & answer.headers.keys()
    assert sessions(tmp_path) == []


async def test_a_streamed_patch(client: Client) -> None:
    location = await start(client)
    answer = await client("PATCH", location, [DATA[:1], b"", DATA[1:70_000], DATA[70_000:]])
    assert (answer.status, answer.headers["range"]) == (202, f"0-{len(DATA) - 1}")
    assert (await finish(client, answer.headers["location"])).status == 201
    assert await fetched(client) == DATA


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_chunks_in_order(client: Client, algorithm: str) -> None:
    location = await start(client, f"?digest-algorithm={algorithm}")
    for at in range(0, 150_000, 50_000):
        answer = await send(client, location, DATA[at : at + 50_000], at)
        assert (answer.status, answer.headers["range"]) == (202, f"0-{at + 49_999}")
        location = answer.headers["location"]
    digest = Digest.of(DATA, algorithm)
    assert (await finish(client, location, DATA[150_000:], digest)).status == 201
    assert await fetched(client, digest) == DATA


async def test_another_algorithm_than_announced_is_read_once_more(client: Client) -> None:
    location = (await send(client, await start(client), DATA)).headers["location"]
    digest = Digest.of(DATA, "sha512")
    assert (await finish(client, location, digest=digest)).status == 201
    assert await fetched(client, digest) == DATA


async def test_an_unknown_algorithm_is_refused(memory: Client) -> None:
    assert (await memory("POST", f"{UPLOADS}?digest-algorithm=md5")).codes == ["DIGEST_INVALID"]


async def test_the_last_chunk_in_the_put(client: Client) -> None:
    location = (await send(client, await start(client), DATA[:9], 0)).headers["location"]
    answer = await client(
        "PUT", f"{location}&digest={DIGEST}", DATA[9:], {"content-range": f"9-{len(DATA) - 1}"}
    )
    assert answer.status == 201
    assert await fetched(client) == DATA


async def test_an_out_of_order_chunk_tells_where_to_go_on(client: Client) -> None:
    location = (await send(client, await start(client), DATA[:100], 0)).headers["location"]
    for at in (0, 99, 101, 5_000):
        answer = await send(client, location, DATA[at : at + 50], at)
        assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
        assert answer.headers["range"] == "0-99"
    answer = await send(client, answer.headers["location"], DATA[100:], 100)
    assert answer.status == 202
    assert (await finish(client, answer.headers["location"])).status == 201


async def test_an_old_location_cannot_append(client: Client) -> None:
    """Two clients on one session: the slower one is told so instead of mixing its bytes in."""
    location = await start(client)
    newer = (await send(client, location, DATA[:100])).headers["location"]
    assert (await send(client, location, b"stale")).status == 416
    assert (await finish(client, newer, DATA[100:])).status == 201
    assert await fetched(client) == DATA


@pytest.mark.parametrize("length", ["0", None])
async def test_an_old_location_cannot_end_what_another_client_goes_on_with(
    client: Client, length: str | None
) -> None:
    """The digest of its own bytes is not that of all; the digest of all is right wherever the client believes to be."""
    headers = {} if length is None else {"content-length": length}
    older = (await send(client, await start(client), DATA[:100])).headers["location"]
    newer = (await send(client, older, DATA[100:])).headers["location"]
    answer = await client("PUT", f"{older}&digest={Digest.of(DATA[:100])}", (), headers)
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
    assert answer.headers["range"] == f"0-{len(DATA) - 1}"
    assert answer.headers["docker-upload-uuid"] in answer.headers["location"]
    assert (await client.get(newer)).status == 204
    assert (await client("PUT", f"{older}&digest={DIGEST}", (), headers)).status == 201
    assert await fetched(client) == DATA


async def test_a_last_request_with_a_range_and_no_bytes_is_refused(client: Client) -> None:
    location = await start(client)
    answer = await client("PUT", f"{location}&digest={EMPTY}", b"", {"content-range": "0-4"})
    assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "identity"])
async def test_a_transfer_coding_that_is_not_understood_is_refused(client: Client, coding: str) -> None:
    location = await start(client)
    answer = await client("PATCH", location, [DATA[:9]], {"transfer-encoding": coding})
    assert (answer.status, answer.codes) == (400, ["UNSUPPORTED"])
    assert (await client.get(location)).headers["range"] == "0-0"


@pytest.mark.parametrize("given", ["x", "5", "9-5", "-5", "0-", "0-1_0", "0-\u0665", "0-9 ,", "bytes 0-9/x"])
async def test_a_bad_content_range_is_416(memory: Client, given: str) -> None:
    try:
        given.encode("latin-1")
    except UnicodeEncodeError:
        given = given.encode().decode("latin-1")
    location = await start(memory)
    answer = await memory("PATCH", location, b"0123456789", {"content-range": given})
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])


async def test_a_content_range_that_is_not_the_length_is_refused(client: Client) -> None:
    location = await start(client)
    for headers, body in (
        ({"content-range": "0-4"}, b"0123456789"),
        ({"content-range": "0-99"}, b"0123456789"),
    ):
        answer = await client("PATCH", location, body, headers)
        assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])


async def test_a_chunk_without_a_length_may_not_be_longer_than_its_range(client: Client) -> None:
    answer = await client("PATCH", await start(client), [b"01234", b"56789"], {"content-range": "0-6"})
    assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])


async def test_a_wrong_digest_ends_the_session(client: Client) -> None:
    location = await start(client)
    answer = await finish(client, location, DATA[:-1])
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert (await client.get(location)).codes == ["BLOB_UPLOAD_UNKNOWN"]
    assert (await client.head(f"/v2/team/app/blobs/{DIGEST}")).status == 404


@pytest.mark.parametrize("query", ["", "&digest=", "&digest=sha256:x", "&digest=md5:" + "0" * 32])
async def test_a_put_without_a_right_digest_is_refused_and_the_session_stays(
    client: Client, query: str
) -> None:
    location = (await send(client, await start(client), DATA)).headers["location"]
    answer = await client.put(location + query)
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert (await finish(client, location)).status == 201


async def test_the_status_of_a_session(client: Client) -> None:
    location = (await send(client, await start(client), DATA[:77])).headers["location"]
    for method in ("GET", "HEAD"):
        answer = await client(method, location)
        assert (answer.status, answer.headers["range"], answer.body) == (204, "0-76", b"")
    assert (await finish(client, answer.headers["location"], DATA[77:])).status == 201
    assert (await client.get(location)).status == 404


async def test_a_session_without_its_state_goes_on_by_its_id(client: Client) -> None:
    """Some clients keep the id alone."""
    location = urlsplit((await send(client, await start(client), DATA[:77])).headers["location"]).path
    assert (await client.get(location)).headers["range"] == "0-76"
    assert (await client.put(f"{location}?digest={DIGEST}", DATA[77:])).status == 201
    assert await fetched(client) == DATA


async def test_cancelling_takes_the_session_and_its_bytes(disk: Client, tmp_path: Path) -> None:
    location = (await send(disk, await start(disk), DATA)).headers["location"]
    assert len(sessions(tmp_path)) == 1
    assert (await disk.delete(location)).status == 204
    assert sessions(tmp_path) == []
    for method in ("GET", "HEAD", "PATCH", "PUT", "DELETE"):
        answer = await disk(method, f"{location}&digest={DIGEST}")
        assert answer.status == 404
        assert method == "HEAD" or answer.codes == ["BLOB_UPLOAD_UNKNOWN"]


async def test_a_finished_session_leaves_nothing(disk: Client, tmp_path: Path) -> None:
    await finish(disk, await start(disk), DATA)
    await disk("POST", f"{UPLOADS}?digest={DIGEST}", DATA)
    await disk("POST", f"{UPLOADS}?digest={DIGEST}", DATA[:-1])
    assert sessions(tmp_path) == []


@pytest.mark.parametrize("upload", ["nothing", "0" * 36, "..%2f..", "%00", "a" * 129, "x y", "\u00e9"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
async def test_an_unknown_session_is_404(memory: Client, method: str, upload: str) -> None:
    upload = upload.encode().decode("latin-1")
    answer = await memory(method, f"{UPLOADS}{upload}?digest={DIGEST}")
    assert answer.status == 404


async def test_another_repository_cannot_touch_a_session(client: Client) -> None:
    location = (await send(client, await start(client), DATA)).headers["location"]
    foreign = location.replace("/v2/team/app/", "/v2/team/other/")
    for target in (foreign, urlsplit(foreign).path + "?"):
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            answer = await client(method, f"{target}&digest={DIGEST}", b"x" if method == "PATCH" else b"")
            assert answer.status in (400, 404), method
            assert answer.codes[0] in ("BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN")
    assert (await finish(client, location)).status == 201


async def test_a_tampered_state_is_refused(memory: Client) -> None:
    location = (await send(memory, await start(memory), DATA)).headers["location"]
    state = parse_qs(urlsplit(location).query)["_state"][0]
    path = urlsplit(location).path
    for bad in (
        "",
        "x",
        state[:-3],
        state[5:],
        ("B" if state[0] == "A" else "A") + state[1:],
        state + "AAAA",
        state.swapcase(),
        "%ff",
    ):
        answer = await memory("PATCH", f"{path}?_state={bad}", b"more")
        if bad:
            assert (answer.status, answer.codes) == (400, ["BLOB_UPLOAD_INVALID"]), bad
    other = parse_qs(urlsplit(await start(memory)).query)["_state"][0]
    assert (await memory.get(f"{path}?_state={other}")).codes == ["BLOB_UPLOAD_INVALID"]


async def test_a_client_that_leaves_can_come_back(client: Client) -> None:
    location = await start(client)
    gone = await client("PATCH", location, [DATA[:50_000], DATA[50_000:60_000], DISCONNECT])
    # Told in case it is a client that ended its body too soon, and still listens.
    assert (gone.status, gone.codes) == (400, ["SIZE_INVALID"])
    answer = await client.get(urlsplit(location).path)
    assert answer.headers["range"] == "0-59999"
    assert (await finish(client, answer.headers["location"], DATA[60_000:])).status == 201
    assert await fetched(client) == DATA


async def test_two_writers_at_once_cannot_mix(client: Client) -> None:
    location = await start(client)
    halves = [[part] * 40 for part in (b"a" * 5_000, b"b" * 5_000)]
    answers = await asyncio.gather(*(client("PATCH", location, half) for half in halves))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [202, 416]
    winner = halves[[answer.status for answer in answers].index(202)]
    digest = Digest.of(b"".join(winner))
    location = next(answer for answer in answers if answer.status == 202).headers["location"]
    assert (await finish(client, location, digest=digest)).status == 201


async def test_requests_on_a_session_that_another_writes_to_are_told_where_to_go_on(disk: Client) -> None:
    location = (await send(disk, await start(disk), DATA[:100])).headers["location"]
    writing, leave = asyncio.Event(), asyncio.Event()

    async def slow(scope: object, receive: object, send: object) -> None:
        async def receiving() -> Message:
            writing.set()
            await leave.wait()
            return DISCONNECT

        await disk.app(scope, receiving, send)  # type: ignore[arg-type]

    first = asyncio.ensure_future(Client(slow)("PATCH", location, b"x"))
    await writing.wait()
    target = f"{location}&digest={DIGEST}"
    answers = await asyncio.gather(
        send(disk, location, DATA[100:], 100),
        disk("PUT", target, DATA[100:]),
        disk("PUT", target, headers={"content-length": "0"}),
    )
    leave.set()
    await first
    for answer in answers:
        assert (answer.status, answer.codes, answer.headers["range"]) == (416, ["RANGE_INVALID"], "0-99")
        assert (await disk.get(answer.headers["location"])).headers["range"] == "0-99"
    assert (await finish(disk, answers[-1].headers["location"], DATA[100:])).status == 201
    assert await fetched(disk) == DATA


async def test_many_sessions_of_one_blob_at_once(client: Client) -> None:
    async def push() -> None:
        await push_blob(client, "team/app", DATA)

    await asyncio.gather(*(push() for _ in range(20)))
    assert await fetched(client) == DATA


# Mounting


async def test_a_blob_is_mounted_from_another_repository(client: Client) -> None:
    await push_blob(client, "source", DATA)
    answer = await client("POST", f"{UPLOADS}?mount={DIGEST}&from=source")
    assert (answer.status, answer.headers["docker-content-digest"]) == (201, DIGEST)
    assert answer.headers["location"] == f"/v2/team/app/blobs/{DIGEST}"
    assert await fetched(client) == DATA


async def test_a_sha512_blob_is_mounted_under_its_own_digest(client: Client) -> None:
    digest = await push_blob(client, "source", DATA, "sha512")
    answer = await client("POST", f"{UPLOADS}?mount={digest}&from=source")
    assert (answer.status, answer.headers["docker-content-digest"]) == (201, digest)
    assert await fetched(client, digest) == DATA


@pytest.mark.parametrize(
    "query", ["&from=source", "&from=other", "&from=UPPER", "&from=..", "&from=a/../source"]
)
async def test_what_cannot_be_mounted_is_uploaded(client: Client, query: str) -> None:
    if "source" not in query or ".." in query:
        await push_blob(client, "source", DATA)
    location = await start(client, f"?mount={DIGEST}{query}")
    assert (await client.head(f"/v2/team/app/blobs/{DIGEST}")).status == 404
    assert (await finish(client, location, DATA)).status == 201


@pytest.mark.parametrize("digest", ["", "sha256:x", "md5:" + "0" * 32, "%00"])
@pytest.mark.parametrize("source", ["", "&from=source"])
async def test_a_mount_of_no_digest_is_an_upload(memory: Client, digest: str, source: str) -> None:
    await push_blob(memory, "source", DATA)
    location = await start(memory, f"?mount={digest}{source}")
    assert (await finish(memory, location, DATA)).status == 201


async def test_a_blob_in_one_request_that_breaks_off_leaves_no_session(disk: Client, tmp_path: Path) -> None:
    broken: list[list[bytes | Message]] = [[DATA[:100_000], DISCONNECT], [DATA, b"more"]]
    for body in broken:
        answer = await disk("POST", f"{UPLOADS}?digest={DIGEST}", body)
        assert answer.status in (0, 400), answer.body
        assert sessions(tmp_path) == []
    assert (await disk.head(f"/v2/team/app/blobs/{DIGEST}")).status == 404


async def test_a_state_that_nobody_signed_proves_no_upload(client: Client) -> None:
    await push_blob(client, "team/app", DATA)
    for session in ("!!", "0" * 32, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"):
        answer = await client.put(f"{UPLOADS}{session}?_state=junk&digest={DIGEST}")
        assert answer.status in (400, 404), session
        assert answer.codes[0] in ("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")
