"""A longer way to the store: what a client sends arrives so many milliseconds later. Answers come at once.

A store so far away does not take processor time from the registry that asks it. So the way may remember what the store answered, until
anything is changed through it, and answer that itself, as late as the store would if it had nothing else to do.

It runs in a process of its own. It prints its port; for each line on its standard input it prints how many
requests it has passed on or answered; at the end of the input it ends. Small requests only: one in each piece that is read.

It takes 15 to 50 us of processor time for each, and passes on ten times as many as the registries ask for.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from typing import cast

import uvloop

from benchmarks.objectstore.remembered import Remembered

HOST = "127.0.0.1"
METHODS = (b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE ")
BACKLOG = 1024
SERVICE_SECONDS = 0.001
"""What MinIO takes for a small question where it is asked one at a time (the round trip among the facts about the machine)."""


class _Store(asyncio.Protocol):
    """The side of the store, which is connected to when there is something to send: what it answers goes to the client."""

    def __init__(self, client: asyncio.Transport, way: _Way) -> None:
        self._client = client
        self._way = way
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, HOST, self._way.store_port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.writelines(self._unsent)

    def send(self, piece: bytes) -> None:
        self._answer = self._way.remembered.asked(piece)
        if self._transport is None:
            self._unsent.append(piece)
        elif not self._transport.is_closing():
            self._transport.write(piece)

    def data_received(self, data: bytes) -> None:
        self._client.write(data)
        self._answer.add(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.close()

    def close(self) -> None:
        self._connecting.cancel()
        if self._transport:
            self._transport.close()


class _Client(asyncio.Protocol):
    """The side of the client: each piece waits for its time, in the order of arrival."""

    def __init__(self, way: _Way) -> None:
        self._way = way
        self._waiting: deque[bytes] = deque()
        self._store: _Store | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._way.requests += data.startswith(METHODS)
        loop = asyncio.get_running_loop()
        if answer := self._way.known(data):
            loop.call_later(self._way.seconds + SERVICE_SECONDS, self._answer, answer)
            return
        self._waiting.append(data)
        loop.call_later(self._way.seconds, self._arrived)

    def _answer(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _arrived(self) -> None:
        piece = self._waiting.popleft()
        if self._store is None:
            self._store = _Store(self._transport, self._way)
        self._store.send(piece)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._store:
            self._store.close()


class _Way:
    def __init__(self, store_port: int, seconds: float, *, remembers: bool) -> None:
        self.store_port = store_port
        self.seconds = seconds
        self.requests = 0
        self.remembered = Remembered()
        self._remembers = remembers

    def known(self, request: bytes) -> bytes | None:
        return self.remembered.get(request) if self._remembers else None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Client(self), HOST, 0, backlog=BACKLOG)
        print(server.sockets[0].getsockname()[1], flush=True)
        lines = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while await lines.readline():
            print(self.requests, flush=True)


class Delay:
    """The parent's end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = self._line()

    def requests(self) -> int:
        """So many were passed on or answered until now."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the delay before the store ended")
        return int(line)


@contextlib.contextmanager
def delaying(store_port: int, milliseconds: float, *, remembers: bool = False) -> Iterator[Delay]:
    """A port that leads to the store, with so much delay for each request."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.objectstore.delay",
        str(store_port),
        str(milliseconds),
        str(int(remembers)),
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Delay(process)
        finally:
            process.kill()


if __name__ == "__main__":
    uvloop.run(_Way(int(sys.argv[1]), float(sys.argv[2]) / 1e3, remembers=sys.argv[3] == "1").run())
