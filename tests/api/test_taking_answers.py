"""Clients that take what they asked for slowly, or not to the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message

from moorage.api.answer import Answer, ClientGone, send_file
from moorage.api.endpoint import Endpoint
from moorage.drivers.small import WholeFile
from tests.api.client import application, serving
from tests.api.pushing import push_blob
from tests.store.images import noise

PIECE = 1 << 10


@pytest.mark.parametrize("taken", [0, 2])
async def test_a_client_that_takes_nothing_more_is_cut_off(taken: int) -> None:
    # From memory: a thread that has to read a piece may be late too, and then the client would not have been offered it in time.
    answer = Answer(200, reader=WholeFile(bytes(8 * PIECE)), stop=8 * PIECE)
    pieces = 0

    async def send(message: Message) -> None:
        nonlocal pieces
        if message["type"] == "http.response.body":
            if pieces == taken:
                await asyncio.Event().wait()
            pieces += 1

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    with pytest.raises(ClientGone):
        async with asyncio.timeout(30):
            await send_file(answer, receive, send, piece=PIECE, seconds=0.05)
    assert answer.sent == taken * PIECE


async def test_the_memory_of_downloads_comes_back(tmp_path: Path) -> None:
    async with serving(app := application(tmp_path)) as client:
        digest = await push_blob(client, "a", noise("blob", 3 << 20))
        endpoint = app._endpoint
        assert isinstance(endpoint, Endpoint)
        pieces = endpoint._service.pieces
        before = pieces._free
        for _ in range(3):
            assert (await client.get(f"/v2/a/blobs/{digest}")).status == 200
        assert pieces._free == before
