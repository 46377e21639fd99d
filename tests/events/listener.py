"""Listeners for notifications on real sockets, which do to each request what a test has written down for it.

    with Listener() as listener:
        listener.script = [answer(500), hang_up, answer(200)]

The first request is answered 500, the second not at all, the third 200, and all others as `otherwise` says: 200.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

SECONDS = 30.0
"""How long a test waits for what must come."""
PIECE = b"x" * (64 << 10)


@dataclass(frozen=True)
class Received:
    """One request. `headers` in the order and the spelling in which they came."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Several of one name are joined by commas."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(found) if found else None

    @property
    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)["events"]
        return found

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]


@dataclass
class Call:
    """A request that waits for its answer."""

    connection: socket.socket
    request: Received
    listener: Listener

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.listener.sent_bytes += len(data)


Reaction = Callable[[Call], bool]
"""Whether the connection is kept."""


def answer(status: int, body: bytes = b"", *, keep: bool = True, **headers: str) -> Reaction:
    """Names of headers with `_` for `-`."""
    lines = [f"HTTP/1.1 {status} In its own words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if status in (204, 304):
        del lines[1]

    def react(call: Call) -> bool:
        call.send("\r\n".join([*lines, "", ""]).encode() + body)
        return keep

    return react


def redirect(status: int, location: str) -> Reaction:
    return answer(status, b"elsewhere", Location=location)


def raw(data: bytes) -> Reaction:
    """Just these bytes, and the end."""

    def react(call: Call) -> bool:
        call.send(data)
        return False

    return react


def hang_up(call: Call) -> bool:
    """The end without an answer."""
    return False


def reset(call: Call) -> bool:
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def silent(call: Call) -> bool:
    """No answer as long as the client waits."""
    with contextlib.suppress(OSError):
        call.connection.recv(1)
    return False


def endless(head: bytes, piece: bytes) -> Reaction:
    """The piece again and again, until the client has had enough."""

    def react(call: Call) -> bool:
        call.send(head)
        while not call.listener.closing.is_set():
            call.send(piece)
        return False

    return react


def dripping(head: bytes, pause: float = 0.01) -> Reaction:
    """Byte by byte for ever after the head."""

    def react(call: Call) -> bool:
        call.send(head)
        while not call.listener.closing.wait(pause):
            call.send(b"x")
        return False

    return react


@dataclass
class Listener:
    """`received`: all requests that came whole. `connections`: how many were accepted. `sent_bytes`: of all answers."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    script: Sequence[Reaction] = ()
    otherwise: Reaction = field(default_factory=lambda: answer(200))
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    sent_bytes: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        """Of all events that came, in their order, repeated ones as often as they came."""
        return [one for request in list(self.received) for one in request.ids]

    def wait(self, holds: Callable[[], bool]) -> None:
        """Until it holds, which is asked after each request. Fails after a while."""
        with self._changed:
            assert self._changed.wait_for(holds, SECONDS), f"{len(self.received)} requests have come"

    def wait_for(self, requests: int) -> None:
        self.wait(lambda: len(self.received) >= requests)

    def __enter__(self) -> Listener:
        self.closing.clear()
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(SECONDS)

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.ExitStack() as opened:
            opened.callback(connection.close)
            with contextlib.suppress(OSError):
                if self.tls is not None:
                    connection = opened.enter_context(_over_tls(self.tls, connection))
                self._open.add(connection)
                opened.callback(self._open.discard, connection)
                reader = connection.makefile("rb")
                opened.callback(reader.close)
                for request in _requests(reader):
                    if not self._react(Call(connection, request, self)):
                        return

    def _react(self, call: Call) -> bool:
        with self._changed:
            number = len(self.received)
            self.received.append(call.request)
            self._changed.notify_all()
        reaction = self.script[number] if number < len(self.script) else self.otherwise
        return reaction(call)


def _over_tls(tls: ssl.SSLContext, connection: socket.socket) -> ssl.SSLSocket:
    """Raises OSError. A client that is refused reads why: closing while something it sent is unread would reset the connection, and
    whether it has read the alert by then is a matter of luck."""
    found = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    try:
        found.do_handshake()
    except OSError:
        with found, contextlib.suppress(OSError):
            found.settimeout(SECONDS)
            found.shutdown(socket.SHUT_WR)
            while found.recv(4096):
                pass
        raise
    return found


def _requests(reader: Any) -> Iterator[Received]:
    while line := reader.readline():
        method, path, version = (*line.decode("latin-1").split(" "), "", "")[:3]
        if not version.startswith("HTTP/"):
            return
        headers = []
        while (field_line := reader.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = field_line.partition(":")
            headers.append((name, value.strip()))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = reader.read(length)
        if len(body) < length:
            return
        yield Received(method, path, headers, body)
