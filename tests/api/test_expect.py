"""`Expect: 100-continue` (RFC 9110, section 10.1.1): a request that is refused is refused before its body is sent."""

from __future__ import annotations

import contextlib
import re
import socket

import pytest

from moorage.digest import Digest
from tests.faults.wire import request_head, said
from tests.support.server import Server

DATA = b"expected" * 40
UPLOADS = "/v2/team/app/blobs/uploads/"


@pytest.mark.parametrize(
    "framing",
    [{"Content-Length": str(len(DATA))}, {"Transfer-Encoding": "chunked"}],
    ids=["with a length", "chunked"],
)
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("PUT", "/v2/team/app/manifests/!!", 400),
        ("PUT", "/v2/TEAM/manifests/latest", 400),
        ("PATCH", f"{UPLOADS}nothing", 404),
        ("POST", f"{UPLOADS}?digest=md5:x", 400),
        ("PUT", "/v2/_catalog", 405),
        ("PUT", "/v2/nothing", 404),
    ],
)
def test_what_is_refused_by_its_head_is_not_asked_for_its_body(
    server: Server, method: str, target: str, status: int, framing: dict[str, str]
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request_head(method, target, {**framing, "Expect": "100-continue"}))
        answer = said(connection)
    assert re.findall(rb"HTTP/1.1 ([0-9]{3})", answer) == [b"%d" % status]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str((4 << 20) + 1)}, 413),
        (
            {"Content-Length": "9", "Content-Type": "application/vnd.docker.distribution.manifest.v1+json"},
            400,
        ),
        ({"Transfer-Encoding": "chunked", "Content-Type": "what"}, 400),
    ],
    ids=["too large", "schema 1", "no type"],
)
def test_a_manifest_that_is_refused_by_its_head_is_not_asked_for(
    server: Server, headers: dict[str, str], status: int
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(
            request_head("PUT", "/v2/team/app/manifests/a", {**headers, "Expect": "100-continue"})
        )
        answer = said(connection)
    assert re.findall(rb"HTTP/1.1 ([0-9]{3})", answer) == [b"%d" % status]


def test_what_is_wanted_is_asked_for(server: Server) -> None:
    head = {"Content-Length": str(len(DATA)), "Expect": "100-continue"}
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request_head("POST", f"{UPLOADS}?digest={Digest.of(DATA)}", head))
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        connection.sendall(DATA)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 201 ")


def test_a_body_that_is_sent_in_spite_of_all_does_not_become_a_request(server: Server) -> None:
    head = {"Content-Length": str(len(DATA)), "Expect": "100-continue"}
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        smuggled = b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n"
        connection.sendall(request_head("PUT", "/v2/team/app/manifests/!!", head) + smuggled)
        with contextlib.suppress(ConnectionResetError):
            assert re.findall(rb"HTTP/1.1 ([0-9]{3})", said(connection)) == [b"400"]
