"""Clients of HTTP/2 that keep the letter of it, or do not, to wear a server out: each is what one connection sends."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator

from hpack import Encoder

from tests.server.http2 import NO_SETTINGS, PREFACE

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
COUNT = 10_000

Flood = Callable[[], Iterator[bytes]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def head(path: str = "/v2/", method: str = "GET", more: tuple[tuple[str, str], ...] = ()) -> bytes:
    # Without the table of earlier headers each request stands alone.
    fields = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *more]
    encoded: bytes = Encoder().encode(fields)
    return encoded


def rapid_reset() -> Iterator[bytes]:
    reset = (8).to_bytes(4, "big")
    for number in range(1, 2 * COUNT, 2):
        yield frame(HEADERS, END_STREAM | END_HEADERS, number, head()) + frame(RST_STREAM, 0, number, reset)


def endless_headers() -> Iterator[bytes]:
    yield frame(HEADERS, END_STREAM, 1, head())
    for number in range(COUNT):
        yield frame(CONTINUATION, 0, 1, Encoder().encode([(f"x-{number}", "v" * 200)]))


def empty_continuations() -> Iterator[bytes]:
    yield frame(HEADERS, END_STREAM, 1, head())
    for _ in range(COUNT):
        yield frame(CONTINUATION, 0, 1)


def huge_headers() -> Iterator[bytes]:
    block = head(more=tuple((f"x-{number}", "v" * 1000) for number in range(60)))
    parts = [block[start : start + 16_384] for start in range(0, len(block), 16_384)]
    yield frame(HEADERS, END_STREAM, 1, parts[0])
    for number, part in enumerate(parts[1:], 2):
        yield frame(CONTINUATION, END_HEADERS if number == len(parts) else 0, 1, part)


def pings() -> Iterator[bytes]:
    for number in range(COUNT):
        yield frame(PING, 0, 0, number.to_bytes(8, "big"))


def settings() -> Iterator[bytes]:
    for number in range(COUNT):
        yield frame(SETTINGS, 0, 0, b"\x00\x04" + number.to_bytes(4, "big"))


def empty_data() -> Iterator[bytes]:
    yield frame(HEADERS, END_HEADERS, 1, head("/v2/a/b/manifests/x", "PUT"))
    for _ in range(COUNT):
        yield frame(DATA, 0, 1)


def crowded_streams() -> Iterator[bytes]:
    for number in range(1, 2 * COUNT, 2):
        yield frame(HEADERS, END_HEADERS, number, head("/v2/a/b/manifests/x", "PUT"))


def tiny_windows() -> Iterator[bytes]:
    """Answers may be sent, but a byte at a time."""
    yield frame(SETTINGS, 0, 0, b"\x00\x04" + (0).to_bytes(4, "big"))
    for number in range(1, 200, 2):
        yield frame(HEADERS, END_STREAM | END_HEADERS, number, head("/v2/nobody/manifests/x"))
    for _ in range(100):
        for number in range(1, 200, 2):
            yield frame(WINDOW_UPDATE, 0, number, (1).to_bytes(4, "big"))


def too_much_window() -> Iterator[bytes]:
    for _ in range(10):
        yield frame(WINDOW_UPDATE, 0, 0, (2**31 - 1).to_bytes(4, "big"))


def noise() -> Iterator[bytes]:
    chosen = random.Random(1)
    for _ in range(2_000):
        payload = chosen.randbytes(chosen.randrange(40))
        yield frame(chosen.randrange(12), chosen.randrange(256), chosen.randrange(8), payload)


FLOODS: tuple[Flood, ...] = (
    rapid_reset,
    endless_headers,
    empty_continuations,
    huge_headers,
    pings,
    settings,
    empty_data,
    crowded_streams,
    tiny_windows,
    too_much_window,
    noise,
)


def send(connection: socket.socket, flood: Flood) -> None:
    """All of it, or as much as the server takes. What it says is read and thrown away."""
    connection.settimeout(10)
    waiting = bytearray(PREFACE + NO_SETTINGS)
    try:
        for part in flood():
            waiting += part
            if len(waiting) > 32 << 10:
                connection.sendall(waiting)
                waiting.clear()
                _read(connection)
        connection.sendall(waiting)
    except OSError:
        return


def _read(connection: socket.socket) -> None:
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
    except OSError:
        pass
    finally:
        connection.settimeout(10)
