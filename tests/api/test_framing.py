"""Heads that a proxy could understand otherwise than the registry are refused, over real connections."""

from __future__ import annotations

import re
import socket

import pytest

from tests.faults.wire import said
from tests.support.server import Server

GET = "GET /v2/ HTTP/1.1\r\n"
PUT = "PUT /v2/a/manifests/b HTTP/1.1\r\nHost: a\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
BODY = "\r\n2\r\n{}\r\n0\r\n\r\n"


def statuses(server: Server, sent: str) -> list[str]:
    """Of all answers that come until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(sent.encode())
        answer = said(connection)
    return [status.decode() for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", answer)]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"{GET}Connection: close\r\n\r\n", "400"),
        (f"{GET}Host: a\r\nHost: b\r\nConnection: close\r\n\r\n", "400"),
        (f"{GET}Host: a\r\nConnection: close\r\n\r\n", "200"),
        ("GET /v2/ HTTP/1.0\r\n\r\n", "200"),
        (f"{PUT}{CHUNKED}Content-Length: 12\r\nConnection: close\r\n{BODY}", "400"),
        (f"{PUT}Content-Length: 12\r\n{CHUNKED}Connection: close\r\n{BODY}", "400"),
        (f"{PUT}Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n{BODY}", "400"),
    ],
)
def test_a_head_that_could_be_understood_in_two_ways_is_refused(
    server: Server, sent: str, status: str
) -> None:
    assert statuses(server, sent) == [status]


def test_what_follows_an_ambiguous_request_is_not_taken_for_another(server: Server) -> None:
    sent = f"{PUT}Content-Length: 4\r\n{CHUNKED}\r\n0\r\n\r\n{GET}Host: a\r\n\r\n"
    assert statuses(server, sent) == ["400"]
