"""Bytes for the socket that are hardly HTTP, or HTTP that two readers could understand in two ways."""

from __future__ import annotations

import random
import struct

HEAD = b"Host: 127.0.0.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PUT = b"PUT /v2/raw/app/manifests/x HTTP/1.1\r\n" + HEAD
GET = b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"\r\n"

WHOLE = [
    GET,
    b"GET /v2/raw/app/tags/list?n=5 HTTP/1.1\r\n" + HEAD + b"Accept: */*\r\nRange: bytes=0-1\r\n\r\n",
    PUT + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    PUT + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /v2/raw/app/blobs/uploads/ HTTP/1.1\r\n" + HEAD + b"Content-Length: 0\r\n\r\n",
    b"HEAD /v2/raw/app/manifests/latest HTTP/1.0\r\n\r\n",
]

SMUGGLING = [
    PUT + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + GET,
    PUT + CHUNKED + b"Content-Length: 4\r\n\r\n5c\r\n" + b"x" * 0x5C + b"\r\n0\r\n\r\n",
    PUT + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}" + GET,
    PUT + b"Content-Length: 2, 2\r\n\r\n{}" + GET,
    PUT + b"Content-Length: +2\r\n\r\n{}",
    PUT + b"Content-Length : 2\r\n\r\n{}",
    PUT + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    PUT + CHUNKED + b"\r\n" + b"f" * 40 + b"\r\nx\r\n0\r\n\r\n",
    PUT + CHUNKED + b"\r\n-1\r\n\r\n0\r\n\r\n",
    PUT + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    PUT + CHUNKED + b"\r\n2;" + b"e" * 70_000 + b"\r\n{}\r\n0\r\n\r\n",
    PUT + CHUNKED + b"\r\n2\n{}\n0\n\n",
    PUT + CHUNKED + b"Trailer: Content-Length\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\nHost: b\r\n\r\n",
    PUT + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n" + b"T: v\r\n" * 5000 + b"\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"X: a\r\n folded\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"X: a\rb\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"X: a\x00b\r\n\r\n",
    b"GET /v2/ HTTP/1.1\n" + HEAD + b"\n",
    b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n\r\n",
    b"GET /v2/ HTTP/9.9\r\n" + HEAD + b"\r\n",
    b"GET /v2/ HTTP/0.9\r\n\r\n",
    b"GET /v2/\r\n",
    b"\r\n\r\n\r\n" + GET,
    b"GET  /v2/  HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET\t/v2/\tHTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET http://evil.example/v2/ HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET /v2/\xff\xfe HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"Content-Length: 18446744073709551616\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"Expect: 200-maybe\r\nContent-Length: 5\r\n\r\nabcde",
]

LARGE = [
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    b"G" * 100_000 + b" / HTTP/1.1\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 600_000 + b"\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"X: y\r\n" * 5000 + b"\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"X" * 70_000 + b": y\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n" + HEAD + b"Cookie: " + b"a=b; " * 10_000 + b"\r\n\r\n",
]

OTHER_PROTOCOLS = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"GET /v2/ HTTP/1.1\r\n"
    + HEAD
    + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    b"GET /v2/ HTTP/1.1\r\n"
    + HEAD
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: \xc3\xa9\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(160)),
    b"\x80\x2e\x01\x03\x01",
    b"SSH-2.0-OpenSSH_9.0\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET,
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12),
    struct.pack(">I", 0xFFFFFFFF) * 20,
]


def raw_input(source: random.Random) -> bytes:
    """One input: a shape from the lists, mutated requests, several of them in a row, or noise."""
    choice = source.random()
    if choice < 0.25:
        return source.choice(SMUGGLING)
    if choice < 0.30:
        return source.choice(LARGE)
    if choice < 0.40:
        return source.choice(OTHER_PROTOCOLS)
    if choice < 0.45:
        return source.randbytes(source.randrange(1, 3000))
    if choice < 0.55:
        return b"".join(source.choices(WHOLE, k=source.randrange(2, 40)))
    return mutated(b"".join(source.choices(WHOLE + SMUGGLING, k=source.randrange(1, 4))), source)


def mutated(data: bytes, source: random.Random) -> bytes:
    """A few bytes changed, removed, doubled or put in, and sometimes the end cut off."""
    changed = bytearray(data)
    for _ in range(source.randrange(1, 6)):
        place = source.randrange(len(changed) + 1)
        length = source.choice([1, 1, 1, 4, 30])
        match source.randrange(4):
            case 0:
                changed[place : place + length] = source.randbytes(length)
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = changed[place : place + length]
            case _:
                changed[place:place] = source.choice(
                    [b"\r\n", b"\n", b"\x00", b":", b" ", b"\xff", b"%", b"0"]
                )
    return bytes(changed if source.random() < 0.8 else changed[: source.randrange(len(changed) + 1)])
