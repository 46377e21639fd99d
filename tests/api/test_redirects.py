"""Where the storage hands out blobs itself, clients are sent there."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.wire import request_head
from tests.support.server import Server, moorage_server, running

ELSEWHERE = "https://mirror.example/"
DATA = b"0123456789"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    redirect = {"storage": [{"name": "redirect", "options": {"baseurl": ELSEWHERE}}]}
    folder: Path = tmp_path_factory.mktemp("redirects")
    with running(moorage_server(folder, extra=f"middleware: {json.dumps(redirect)}\n")) as started:
        yield started


@pytest.fixture(scope="module")
def target(server: Server) -> str:
    with Client(server.port) as client:
        return f"/v2/a/blobs/{client.push_blob('a', DATA)}"


@pytest.mark.parametrize(("version", "status"), [("1.0", 302), ("1.1", 307)])
def test_the_status_is_one_that_the_client_knows(
    server: Server, target: str, version: str, status: int
) -> None:
    head = request_head("GET", target, {"Connection": "close"}).replace(
        b"HTTP/1.1", f"HTTP/{version}".encode()
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == status
        assert str(answer.headers["location"]).startswith(ELSEWHERE)


@pytest.mark.parametrize(("wanted", "status"), [("0-4", 307), ("5-", 307), ("10-", 416)])
def test_a_range_that_is_not_there_sends_nobody_elsewhere(
    server: Server, target: str, wanted: str, status: int
) -> None:
    with Client(server.port) as client:
        client.expect(status, "GET", target, headers={"Range": f"bytes={wanted}"})
