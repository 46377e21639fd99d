"""The end of an upload, sent again because its answer was lost."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from moorage.digest import Digest
from tests.api.client import Client
from tests.api.pushing import push_blob
from tests.api.uploading import DATA, DIGEST, fetched, finish, send, start


@pytest.mark.parametrize("last", [b"", DATA[77:]])
async def test_the_end_of_an_upload_may_be_repeated_if_its_answer_was_lost(
    client: Client, last: bytes
) -> None:
    location = (await send(client, await start(client), DATA[: len(DATA) - len(last)])).headers["location"]
    first = await finish(client, location, last)
    again = await finish(client, location, last)
    assert (first.status, again.status) == (201, 201)
    assert again.headers["docker-content-digest"] == DIGEST
    assert await fetched(client) == DATA


async def test_the_end_of_an_upload_is_repeated_for_the_same_blob_only(client: Client) -> None:
    location = (await send(client, await start(client), DATA)).headers["location"]
    assert (await finish(client, location)).status == 201
    answer = await finish(client, location, digest=Digest.of(b"another"))
    assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_UNKNOWN"])
    answer = await client.put(f"{urlsplit(location).path}?digest={DIGEST}")
    assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_UNKNOWN"]), "nothing says that it ever was"
    await client.delete(f"/v2/team/app/blobs/{DIGEST}")
    assert (await finish(client, location)).status == 404


@pytest.mark.parametrize("kept", [0, 77])
async def test_the_end_of_an_upload_is_repeated_with_the_same_bytes_only(client: Client, kept: int) -> None:
    await push_blob(client, "team/app", DATA)
    location = await start(client)
    if kept:
        location = (await send(client, location, DATA[:kept])).headers["location"]
    last = DATA[kept:]
    for wrong in (last[:-1] + b"\0", last[:-1], last + b"\0", last[:-1] + b"\0"):
        answer = await finish(client, location, wrong)
        assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"]), len(wrong)
