"""Files that are sent: who left before the end, and who only closed the connection after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message

from moorage.api.answer import Answer, ClientGone, send_file
from moorage.drivers.filesystem import FilesystemDriver

PIECE = 1 << 10
SIZE = 4 * PIECE


class Peer:
    """A client that closes the connection when it has `takes` bytes, and a server that takes its time to hear of it."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.has = 0
        self.closed = asyncio.Event()

    async def receive(self) -> Message:
        await self.closed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.has += len(message.get("body", b""))
        if self.has >= self.takes:
            self.closed.set()
        for _ in range(5):
            await asyncio.sleep(0)


async def sent(folder: Path, peer: Peer) -> int:
    answer = Answer(200)
    await send(folder, peer, answer)
    return answer.sent


async def send(folder: Path, peer: Peer, answer: Answer) -> None:
    driver = FilesystemDriver(str(folder))
    await driver.write([("/file", bytes(SIZE))])
    answer.reader, answer.stop = await driver.open("/file"), SIZE
    try:
        await send_file(answer, peer.receive, peer.send, piece=PIECE, seconds=30)
    finally:
        answer.close()
        await driver.close()


async def test_a_client_that_closes_after_the_last_byte_had_all_of_it(tmp_path: Path) -> None:
    assert await sent(tmp_path, Peer(takes=SIZE)) == SIZE


async def test_a_client_that_closes_in_the_middle_is_gone(tmp_path: Path) -> None:
    answer = Answer(200)
    with pytest.raises(ClientGone):
        await send(tmp_path, Peer(takes=2 * PIECE), answer)
    # The server takes nothing of a piece during which it hears that the client has gone.
    assert answer.sent == PIECE
