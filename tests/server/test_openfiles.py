"""A server that may open few files takes fewer connections, and says so."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from moorage.config.sections.limits import Limits
from moorage.server.openfiles import OWN, connections
from tests.faults.client import Client
from tests.faults.processes import eventually, open_connections, worker_pids
from tests.faults.wire import Wire
from tests.support.listening import spawned
from tests.support.server import Server, moorage_server

SECONDS = 30.0
FEW = 256
TOO_FEW = "too few open files are allowed"


@contextlib.contextmanager
def started(server: Server, files: int) -> Iterator[Server]:
    """The server, allowed to open so many files."""
    server.process = spawned(["prlimit", f"--nofile={files}", *server.command], server.log, {})
    try:
        eventually(lambda: "listens on" in server.log.read_text(), SECONDS, "it listens")
        yield server
    finally:
        server.stop()


def test_silent_connections_leave_files_for_those_who_ask_for_something(tmp_path: Path) -> None:
    with started(moorage_server(tmp_path, extra="  workers: 1\n"), FEW) as server, ExitStack() as stack:
        client = stack.enter_context(Client(server.port))
        digest = client.push_blob("team/app", b"some bytes")
        wires = [stack.enter_context(Wire(server.port)) for _ in range(2 * FEW)]
        ports = {wire.socket.getsockname()[1] for wire in wires}
        most = connections(Limits(), FEW)
        eventually(lambda: len(ports & open_connections(server.port)) >= most - 1, SECONDS, "all are taken")
        (worker,) = worker_pids(server)
        assert len(os.listdir(f"/proc/{worker}/fd")) < FEW - most // 2
        assert client.push_blob("team/app", b"other bytes")
        assert client.request("GET", f"/v2/team/app/blobs/{digest}").body == b"some bytes"
    (told,) = [line for line in server.log.read_text().splitlines() if TOO_FEW in line]
    assert "level=warning" in told
    assert "LimitNOFILE" in told
    assert "ulimit -n" in told
    assert f" allowed={FEW} " in told
    assert f" connections={most} " in told


def test_a_server_that_may_open_enough_files_says_nothing(tmp_path: Path) -> None:
    extra = "  workers: 1\n  limits: {connections: 50, downloads: 20, uploads: 20}\n"
    with started(moorage_server(tmp_path, extra=extra), FEW) as server, Client(server.port) as client:
        client.push_blob("team/app", b"some bytes")
    assert TOO_FEW not in server.log.read_text()


@pytest.mark.parametrize(
    ("configured", "files", "expected"),
    [
        (100, OWN + 130, 100),  # as configured, with a file for each transfer
        (100, OWN + 129, 99),
        (100, OWN + 40, 20),  # half
        (1, OWN, 1),
        (100, 10, 1),
        (10, OWN + 20, 10),  # no more transfers than connections
    ],
)
def test_files_and_connections_share_what_there_is(configured: int, files: int, expected: int) -> None:
    limits = Limits(connections=configured, downloads=20, uploads=10)
    assert connections(limits, files) == expected


def test_where_any_number_of_files_may_be_open_all_connections_are_taken() -> None:
    assert connections(Limits(), resource.RLIM_INFINITY) == Limits().connections
