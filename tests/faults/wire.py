"""HTTP/1.1 on a socket, as little as needed: cheap enough to load a server, and strict about what comes back."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

READ_BYTES = 1 << 16
HEAD_LIMIT = 1 << 16
NO_BODY = frozenset({204, 304})


class Disconnected(ConnectionError):
    """The peer closed the connection before a whole answer had come."""


class NotHTTP(ConnectionError):
    """What came is not an HTTP/1.1 answer."""


@dataclass(frozen=True)
class Answer:
    """What the server said; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"

    def __str__(self) -> str:
        return f"{self.status} {self.body[:200]!r}"


class Wire:
    """One connection to 127.0.0.1:`port`. Every wait ends with TimeoutError after `timeout` seconds.

    A small `receive_buffer` (bytes) makes the server feel at once that the reader has stopped.
    """

    def __init__(self, port: int, timeout: float = 30.0, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect(("127.0.0.1", port))
        except BaseException:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Close with RST instead of FIN, as a client that crashed does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def finish_sending(self) -> None:
        """Tell the server that no more comes, and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def peek(self, size: int) -> None:
        """Wait for at least `size` bytes of an answer, and keep them for `receive`."""
        while len(self._buffer) < size:
            self._fill(size)

    def answered_within(self, seconds: float) -> bool:
        """Whether some of an answer (or the end of the connection) has come, or comes in time."""
        poll = select.poll()  # select itself cannot take descriptors over 1,023
        poll.register(self.socket, select.POLLIN)
        return bool(self._buffer) or bool(poll.poll(seconds * 1000))

    def receive(self, *, head: bool = False) -> Answer:
        """The next final answer. `head`: the request was HEAD, so no body follows."""
        status, headers = self._receive_head()
        while 100 <= status < 200:
            status, headers = self._receive_head()
        if head or status in NO_BODY:
            return Answer(status, headers, b"")
        return Answer(status, headers, self._receive_body(headers))

    def _receive_head(self) -> tuple[int, dict[str, str]]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise NotHTTP("the head of the answer does not end")
            self._fill()
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise NotHTTP(f"the answer begins {first[:60]!r}")
        pairs = (line.partition(":") for line in lines)
        return int(rest[:3]), {name.lower(): value.strip() for name, _, value in pairs}

    def _receive_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._receive_chunks()
        if "content-length" in headers:
            return self._take(int(headers["content-length"]))
        return self._receive_to_end()

    def _receive_chunks(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            while b"\r\n" not in self._buffer:
                self._fill()
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            chunks.append(self._take(size))
            if self._take(2) != b"\r\n":
                raise NotHTTP("a chunk is longer than it said")
            if size == 0:
                return b"".join(chunks)

    def _receive_to_end(self) -> bytes:
        try:
            while True:
                self._fill()
        except Disconnected:
            body, self._buffer = self._buffer, b""
            return body

    def _take(self, size: int) -> bytes:
        parts, missing = [self._buffer[:size]], size - len(self._buffer)
        self._buffer = self._buffer[size:]
        while missing > 0:
            data = self.socket.recv(min(missing, 1 << 20))
            if not data:
                raise Disconnected(f"the body ended {missing} bytes early")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def _fill(self, most: int = READ_BYTES) -> None:
        data = self.socket.recv(most)
        if not data:
            raise Disconnected("closed before a whole answer had come")
        self._buffer += data


def request_head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def request_bytes(
    method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """A request with `Content-Length` where there is a body or one is expected."""
    length = body is not None or method in ("POST", "PUT", "PATCH")
    framing = {"Content-Length": str(len(body or b""))} if length else {}
    return request_head(method, target, {**(headers or {}), **framing}) + (body or b"")


def said(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    return b"".join(iter(partial(connection.recv, 1 << 16), b""))
