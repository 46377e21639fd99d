"""Workers that cannot be started just now, and a launcher that cannot go on: never half a server."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.faults.processes import eventually, worker_pids
from tests.server.broken import ISSUER_NAMES, named_twice
from tests.server.secure import AUTHORITY, CERTIFICATE, secure_server, stopped
from tests.support.server import Server, free_port, moorage_server, running

WORKERS = 2
SECONDS = 20.0
GOOD = b"alice:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)) + b"\n"
FEW_FILES = 5
"""Fewer than a launcher has open: it can start nothing then."""


def status(server: Server) -> int:
    """0 without an answer: a connection may wait for the worker that is not there."""
    with (
        contextlib.suppress(OSError),
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.5)) as client,
    ):
        client.request("GET", "/v2/")
        return client.getresponse().status
    return 0


@contextlib.contextmanager
def guarded(folder: Path, workers: int) -> Iterator[tuple[Server, Path]]:
    """A server that asks for passwords, and the file that holds them."""
    path = folder / "htpasswd"
    path.write_bytes(GOOD)
    auth = f"auth:\n  htpasswd: {{realm: here, path: {path}}}\n"
    with running(moorage_server(folder, extra=f"  workers: {workers}\n{auth}")) as server:
        yield server, path


def kill_one(server: Server) -> None:
    os.kill(min(worker_pids(server)), signal.SIGKILL)


def says(server: Server, words: str) -> None:
    eventually(lambda: words in server.log.read_text(), SECONDS, f"the log says {words}")


@pytest.mark.parametrize("mended", [True, False])
def test_a_worker_that_the_system_has_no_room_for_is_tried_again(tmp_path: Path, mended: bool) -> None:
    with running(moorage_server(tmp_path, extra=f"  workers: {WORKERS}\n")) as server:
        limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (FEW_FILES, limits[1]))
        kill_one(server)
        says(server, "cannot start a worker, trying again")
        if mended:
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
            eventually(lambda: len(worker_pids(server)) == WORKERS, SECONDS, "the worker is replaced")
            assert status(server) == 200
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def test_a_password_file_that_is_broken_stops_nobody_while_one_worker_serves(tmp_path: Path) -> None:
    with guarded(tmp_path, WORKERS) as (server, path):
        path.write_text("nonsense\n")
        kill_one(server)
        says(server, "worker cannot start")
        eventually(lambda: status(server) == 401, SECONDS, "the other one serves")
        eventually(
            lambda: server.log.read_text().count("worker cannot start") > 1, SECONDS, "it is tried again"
        )
        path.write_bytes(GOOD)
        eventually(lambda: len(worker_pids(server)) == WORKERS, SECONDS, "there are two again")
        assert server.stop() == 0
        text = server.log.read_text()
        assert "Traceback" not in text
        assert str(path) in text


def test_a_server_whose_workers_can_all_not_start_ends(tmp_path: Path) -> None:
    with guarded(tmp_path, 1) as (server, path):
        path.write_text("nonsense\n")
        kill_one(server)
        assert server.process is not None
        assert server.process.wait(SECONDS) == 1


def test_a_launcher_that_fails_ends_its_workers_and_itself(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.server.looping", str(port)]
    server = Server(command, port, tmp_path, tmp_path / "log")
    with running(server):
        pids = server.pids()
        assert len(pids) == 1 + WORKERS
        os.kill(server.pid, signal.SIGHUP)
        assert server.process is not None
        assert server.process.wait(SECONDS) == 1
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        assert "nobody foresaw this" in server.log.read_text()


def test_a_certificate_with_an_extension_twice_is_kept_out(tmp_path: Path) -> None:
    good = AUTHORITY.issue()
    with stopped(secure_server(tmp_path, good, extra="  workers: 1\n")) as server:
        (tmp_path / CERTIFICATE).write_bytes(named_twice(AUTHORITY.issue(more=ISSUER_NAMES, key=good.key)))
        says(server, "has extensions that cannot be read")
        assert server.serial() == good.serial
