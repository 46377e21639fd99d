"""Heads that a proxy could understand otherwise than the registry, over real connections.

What is sent would be taken but for its head: an upload of `abc` in one request.
"""

from __future__ import annotations

import re
import socket

import pytest

from tests.faults.wire import said
from tests.support.server import Server

GET = "GET /v2/ HTTP/1.1\r\n"
DIGEST = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
POST = f"POST /v2/a/blobs/uploads/?digest={DIGEST} HTTP/1.1\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
LENGTH = "Content-Length: 3\r\n"
CLOSE = "Connection: close\r\n"
BODY = "\r\n3\r\nabc\r\n0\r\n\r\n"


def statuses(server: Server, sent: str) -> list[str]:
    """Of all answers that come until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(sent.encode())
        answer = said(connection)
    return [status.decode() for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", answer)]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"{GET}{CLOSE}\r\n", "400"),
        (f"{GET}Host: a\r\nHost: b\r\n{CLOSE}\r\n", "400"),
        (f"{GET}Host: a\r\n{CLOSE}\r\n", "200"),
        ("GET /v2/ HTTP/1.0\r\n\r\n", "200"),
        (f"{POST}Host: a\r\n{CHUNKED}{CLOSE}{BODY}", "201"),
        (f"{POST}Host: a\r\nTransfer-Encoding: gzip, chunked\r\n{CLOSE}{BODY}", "400"),
        (f"{POST}Host: a\r\nTransfer-Encoding: gzip\r\n{CHUNKED}{CLOSE}{BODY}", "400"),
        (f"{POST}Host: a\r\n{LENGTH}Content-Length: 4\r\n{CLOSE}\r\nabc", "400"),
    ],
)
def test_a_head_that_could_be_understood_in_two_ways_is_refused(
    server: Server, sent: str, status: str
) -> None:
    assert statuses(server, sent) == [status]


@pytest.mark.parametrize("lengths", [f"{LENGTH}{CHUNKED}", f"{CHUNKED}{LENGTH}"])
def test_beside_a_transfer_coding_the_length_does_not_count_and_the_connection_ends(
    server: Server, lengths: str
) -> None:
    """RFC 9112, section 6.1. What follows may have been another request to a proxy, or part of this one."""
    sent = f"{POST}Host: a\r\n{lengths}{BODY}{GET}Host: a\r\n\r\n"
    assert statuses(server, sent) == ["201"]
    assert statuses(server, f"GET /v2/a/blobs/{DIGEST} HTTP/1.1\r\nHost: a\r\n{CLOSE}\r\n") == ["200"]


def test_without_a_length_the_connection_goes_on_after_a_transfer_coding(server: Server) -> None:
    sent = f"{POST}Host: a\r\n{CHUNKED}{BODY}{GET}Host: a\r\n{CLOSE}\r\n"
    assert statuses(server, sent) == ["201", "200"]
