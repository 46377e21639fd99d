"""Workers that cannot be started just now, and a launcher that cannot go on: never half a server."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.auth.packages import ANYBODY, install
from tests.faults.client import Client
from tests.faults.processes import eventually, holder_of, some_worker, worker_pids
from tests.faults.wire import Wire, request_bytes, request_head
from tests.server.broken import ISSUER_NAMES, named_twice
from tests.server.secure import AUTHORITY, CERTIFICATE, secure_server, stopped
from tests.support.ports import free_port
from tests.support.server import Server, moorage_server, running
from tests.support.tools import require
from tests.test_cli_configuration import WITHOUT_RIGHTS

WORKERS = 2
SECONDS = 30.0
FEW_FILES = 5
"""Fewer than a launcher has open: it can start nothing then."""


def line(user: str) -> bytes:
    return user.encode() + b":" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)) + b"\n"


def status(server: Server, user: str = "", *, seconds: float = 0.5) -> int:
    """0 without an answer in time: a connection may wait for the worker that is not there."""
    basic = {"Authorization": f"Basic {b64encode(f'{user}:secret'.encode()).decode()}"} if user else {}
    with (
        contextlib.suppress(OSError, http.client.HTTPException),
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)) as client,
    ):
        client.request("GET", "/v2/", headers=basic)
        return client.getresponse().status
    return 0


@contextlib.contextmanager
def guarded(folder: Path, workers: int) -> Iterator[tuple[Server, Path]]:
    """A server that asks for passwords, and the file that holds them."""
    path = folder / "htpasswd"
    path.write_bytes(line("alice"))
    auth = f"auth:\n  htpasswd: {{realm: here, path: {path}}}\n"
    with running(moorage_server(folder, extra=f"  workers: {workers}\n{auth}")) as server:
        yield server, path


MOODY = f"""
from pathlib import Path
{ANYBODY}

def controller(options, context):
    if Path(options["mood"]).exists():
        raise AuthError("in a bad mood: " + options["mood"])
    return Controller()
"""


@contextlib.contextmanager
def moody(folder: Path, workers: int) -> Iterator[tuple[Server, Path]]:
    """A server whose workers cannot start as long as there is a file."""
    mood = folder / "mood"
    packages = install(folder / "packages", {"moody": "moody:controller"}, {"moody": MOODY})
    auth = f"auth:\n  extension: {{name: moody, options: {{mood: {mood}}}}}\n"
    server = moorage_server(
        folder, extra=f"  workers: {workers}\n{auth}", environment={"PYTHONPATH": str(packages)}
    )
    with running(server):
        seen: set[int] = set()

        def all_have_answered() -> bool:
            seen.add(who_answers(server))
            return len(seen) == workers

        eventually(all_have_answered, SECONDS, "all workers have started")
        yield server, mood


def kill_one(server: Server) -> None:
    os.kill(some_worker(server, SECONDS), signal.SIGKILL)


def who_answers(server: Server) -> int:
    """The worker that a new connection came to."""
    with Wire(server.port) as wire:
        wire.send(request_bytes("GET", "/v2/"))
        wire.receive()
        return holder_of(server, wire)


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
            assert status(server, seconds=SECONDS) == 200
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_a_worker_that_starts_while_the_password_file_is_broken_knows_what_it_said_before(
    tmp_path: Path, workers: int
) -> None:
    with guarded(tmp_path, workers) as (server, path):
        path.write_bytes(line("bob"))
        eventually(lambda: status(server, "bob") == 200, SECONDS, "the changed file is in force")
        path.write_text("nonsense\n")
        eventually(lambda: len(worker_pids(server)) == workers, SECONDS, "the workers are seen")
        for pid in worker_pids(server):
            os.kill(pid, signal.SIGKILL)
        says(server, "what it said before stays in force")
        eventually(lambda: status(server, "bob") == 200, SECONDS, "bob comes in again")
        assert status(server, "alice", seconds=SECONDS) == 401
        assert server.stop() == 0
        with pytest.raises(RuntimeError, match="nobody could sign in"):
            server.start()


def test_a_worker_that_cannot_start_stops_nobody_while_another_one_serves(tmp_path: Path) -> None:
    with moody(tmp_path, WORKERS) as (server, mood):
        mood.write_text("bad")
        kill_one(server)
        eventually(
            lambda: server.log.read_text().count("worker cannot start") > 1, SECONDS, "again and again"
        )
        eventually(lambda: status(server) == 200, SECONDS, "the other one serves")
        mood.unlink()
        eventually(lambda: len(worker_pids(server)) == WORKERS, SECONDS, "there are two again")
        assert server.stop() == 0
        text = server.log.read_text()
        assert "Traceback" not in text
        assert f"in a bad mood: {mood}" in text


def test_a_server_whose_workers_can_all_not_start_ends(tmp_path: Path) -> None:
    with moody(tmp_path, 1) as (server, mood):
        mood.write_text("bad")
        kill_one(server)
        assert server.process is not None
        assert server.process.wait(SECONDS) == 1


def test_a_launcher_that_fails_ends_its_workers_and_itself(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.server.looping", str(port)]
    server = Server(command, port, tmp_path, tmp_path / "log")
    with running(server):
        eventually(lambda: len(server.pids()) == 1 + WORKERS, SECONDS, "all workers are there")
        pids = server.pids()
        os.kill(server.pid, signal.SIGHUP)
        assert server.process is not None
        assert server.process.wait(SECONDS) == 1
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        assert "nobody foresaw this" in server.log.read_text()


def test_a_certificate_with_an_extension_twice_is_kept_out(tmp_path: Path) -> None:
    good = AUTHORITY.issue()
    with stopped(secure_server(tmp_path, good, extra="  workers: 1\n")) as server:
        (tmp_path / CERTIFICATE).write_bytes(named_twice(AUTHORITY.issue(more=ISSUER_NAMES, key=good.key)))
        says(server, "whose extensions cannot be read")
        assert server.serial() == good.serial


def test_signals_that_rules_for_logrotate_send_change_nothing(tmp_path: Path) -> None:
    with running(moorage_server(tmp_path, extra=f"  workers: {WORKERS}\n")) as server:
        # One may have started after the first answer.
        eventually(lambda: len(server.pids()) == 1 + WORKERS, SECONDS, "all workers are there")
        before = server.pids()
        for pid in before:
            os.kill(pid, signal.SIGUSR1)
            os.kill(pid, signal.SIGUSR2)
        assert status(server, seconds=SECONDS) == 200
        assert server.pids() == before
        assert server.stop() == 0


def test_the_log_tells_when_a_server_begins_to_stop_and_when_it_has(tmp_path: Path) -> None:
    server = moorage_server(tmp_path)
    with running(server):
        assert server.stop() == 0
    # A worker may tell of the last request after the launcher has begun to stop.
    *_, begins, ended = [line for line in server.log.read_text().splitlines() if " HTTP/1.1" not in line]
    assert 'level=info msg="server stops, requests may finish" seconds=30' in begins
    assert 'level=info msg="server has stopped"' in ended


def end(server: Server, signals: int) -> None:
    assert server.process is not None
    for _ in range(signals):
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: "server stops" in server.log.read_text(), SECONDS, "it stops")
    assert server.process.wait(SECONDS) == 0
    server.process = None


@pytest.mark.parametrize("signals", [1, 2])
def test_uploads_that_are_cut_off_when_a_server_stops_are_answered_and_told(
    tmp_path: Path, signals: int
) -> None:
    drain = "500ms" if signals == 1 else "1h"
    with running(moorage_server(tmp_path, extra=f"  workers: 1\n  draintimeout: {drain}\n")) as server:
        head = {"Content-Length": "100", "Expect": "100-continue"}
        with Wire(server.port) as begins, Wire(server.port) as hangs:
            begins.send(request_bytes("POST", "/v2/team/app/blobs/uploads/"))
            hangs.send(request_head("PATCH", begins.receive().headers["location"], head))
            hangs.peek(1)
            end(server, signals)
            answer = hangs.receive()
            assert answer.status == 503
            assert answer.headers["retry-after"].isdigit()
    lines = [line for line in server.log.read_text().splitlines() if " HTTP/1.1" not in line]
    *_, cut, ended = lines
    assert 'level=warning msg="requests were ended before their bodies had come whole" requests=1' in cut
    assert 'level=info msg="server has stopped"' in ended


@pytest.mark.parametrize("signals", [1, 2, 3])
def test_downloads_that_are_cut_off_when_a_server_stops_are_told(tmp_path: Path, signals: int) -> None:
    drain = "500ms" if signals == 1 else "1h"
    with running(moorage_server(tmp_path, extra=f"  workers: 1\n  draintimeout: {drain}\n")) as server:
        with Client(server.port) as client:
            digest = client.push_blob("team/app", bytes(12 << 20))
        with Wire(server.port, receive_buffer=64 << 10) as hangs:
            hangs.send(request_bytes("GET", f"/v2/team/app/blobs/{digest}"))
            hangs.peek(1)
            end(server, signals)
    *_, cut, ended = server.log.read_text().splitlines()
    assert 'level=warning msg="workers were killed before their requests had finished" workers=1' in cut
    assert 'level=info msg="server has stopped"' in ended


@pytest.mark.parametrize("everybody", [False, True])
def test_sigquit_stops_the_server_also_where_a_terminal_sends_it_to_all_its_processes(
    tmp_path: Path, everybody: bool
) -> None:
    with running(moorage_server(tmp_path, extra=f"  workers: {WORKERS}\n")) as server:
        process = server.process
        assert process is not None
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGQUIT)
        assert process.wait(SECONDS) == 0
    assert "server has stopped" in server.log.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_a_read_only_server_serves_a_storage_whose_secret_it_may_not_read(tmp_path: Path) -> None:
    require("setpriv")
    server = moorage_server(tmp_path, environment={"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": "true"})
    secret = server.root / "moorage/secret"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(b"of another user")
    secret.parent.chmod(0o750)
    for path in (server.root, secret.parent, secret):
        os.chown(path, 1234, 1234)
    server.command = [*WITHOUT_RIGHTS, *server.command]
    with running(server):
        assert status(server, seconds=SECONDS) == 200
    assert "worker cannot start" not in server.log.read_text()


def test_the_file_of_a_unix_socket_goes_when_the_server_ends(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = moorage_server(tmp_path)
    config = tmp_path / "config.yml"
    config.write_text(config.read_text().replace(f"127.0.0.1:{server.port}", f"{path}\n  net: unix"))
    process = server.launch()
    try:
        eventually(
            lambda: server.log.exists() and "listens on" in server.log.read_text(), SECONDS, "it listens"
        )
        assert path.is_socket()
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    finally:
        server.kill()
    assert not path.exists()
