"""HTTP/1.1 over one kept-alive socket: just enough for a client that must cost less than what it measures."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.load.specs import Request

SEND_BYTES = 1 << 20
# As Docker cuts a stream whose length is not known (Go's io.Copy).
CHUNK_BYTES = 32 << 10
RECEIVE_BYTES = 1 << 18
HEAD_END = b"\r\n\r\n"


class UnexpectedAnswer(Exception):
    """The server answered with another status than the load needs, or closed the connection."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def target(self) -> str:
        """The Location header as a request target; some servers send it with scheme and host, some without."""
        location = self.headers["location"]
        return "/" + location.split("/", 3)[3] if "://" in location else location

    def expect(self, status: int, doing: str) -> Response:
        if self.status != status:
            raise UnexpectedAnswer(f"{doing}: {self.status} instead of {status}: {self.body[:300]!r}")
        return self


def serialise(method: str, target: str, port: int, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    status_line, *lines = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return int(status_line[9:12]), {name.lower(): value.strip() for name, _, value in fields}


def _chunks(data: memoryview) -> bytes:
    pieces: list[bytes | memoryview] = []
    for start in range(0, len(data), CHUNK_BYTES):
        piece = data[start : start + CHUNK_BYTES]
        pieces += (b"%x\r\n" % len(piece), piece, b"\r\n")
    return b"".join(pieces)


class Connection:
    """One exchange at a time; open it first."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = socket.socket()
        self._loop = asyncio.get_running_loop()

    async def open(self) -> Connection:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self._loop.sock_connect(self._socket, ("127.0.0.1", self.port))
        return self

    async def reopen(self) -> None:
        """The same on a new socket, after the server was restarted."""
        self.close()
        self._socket = socket.socket()
        await self.open()

    def close(self) -> None:
        self._socket.close()

    async def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, *parts: bytes | memoryview
    ) -> Response:
        """Send a request whose body is `parts` one after the other, and read the whole answer."""
        length = str(sum(map(len, parts)))
        head = serialise(method, target, self.port, {"Content-Length": length, **(headers or {})})
        return await self.exchange(head, *parts, bodyless=method == "HEAD")

    async def stream(
        self, method: str, target: str, headers: Mapping[str, str], *parts: bytes | memoryview
    ) -> Response:
        """The same in chunks of HTTP/1.1."""
        head = serialise(method, target, self.port, {"Transfer-Encoding": "chunked", **headers})
        await self._loop.sock_sendall(self._socket, head)
        for part in parts:
            view = memoryview(part)
            for start in range(0, len(view), SEND_BYTES):
                await self._loop.sock_sendall(self._socket, _chunks(view[start : start + SEND_BYTES]))
        await self._loop.sock_sendall(self._socket, b"0\r\n\r\n")
        return await self._receive(bodyless=False)

    async def exchange(self, head: bytes, *parts: bytes | memoryview, bodyless: bool = False) -> Response:
        if sum(map(len, parts)) <= RECEIVE_BYTES:
            await self._loop.sock_sendall(self._socket, b"".join((head, *parts)))
        else:
            await self._loop.sock_sendall(self._socket, head)
            for part in parts:
                await self._send_in_slices(memoryview(part))
        return await self._receive(bodyless)

    async def exchange_request(self, request: Request) -> Response:
        return await self.exchange(request.raw, bodyless=not request.body)

    async def _send_in_slices(self, part: memoryview) -> None:
        # Slices, so that two uploads in one loop advance together.
        for start in range(0, len(part), SEND_BYTES):
            await self._loop.sock_sendall(self._socket, part[start : start + SEND_BYTES])

    async def _receive(self, bodyless: bool) -> Response:
        data = await self._more()
        while HEAD_END not in data:
            data += await self._more()
        head, _, rest = data.partition(HEAD_END)
        status, headers = parse_head(head)
        if bodyless or status in (204, 304):
            return Response(status, headers, b"")
        return Response(status, headers, await self._body(headers, rest))

    async def _body(self, headers: Mapping[str, str], rest: bytes) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            while not rest.endswith(b"0\r\n\r\n"):
                rest += await self._more()
            return rest  # Only error bodies come so, and they are only shown.
        missing = int(headers["content-length"]) - len(rest)
        pieces = [rest]
        while missing > 0:
            pieces.append(await self._more())
            missing -= len(pieces[-1])
        return b"".join(pieces)

    async def _more(self) -> bytes:
        data = await self._loop.sock_recv(self._socket, RECEIVE_BYTES)
        if not data:
            raise UnexpectedAnswer("the server closed the connection")
        return data
