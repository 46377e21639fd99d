"""What the debug listener needs at start, and what is said when it cannot have it."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from pathlib import Path

import pytest

from moorage.server.tallies import PREFIX
from tests.debug.asking import ask, debugged, until
from tests.support import forking
from tests.support.ports import free_port
from tests.support.server import Server, moorage_server, running


def with_addr(folder: Path, addr: str, more: str = "") -> Server:
    return moorage_server(folder, extra=f"  workers: 1\n  debug: {{addr: '{addr}'{more}}}\n")


@pytest.mark.parametrize("addr", ["localhost:{}", "127.0.0.1:{}", ":{}"])
def test_it_listens_where_the_configuration_says(tmp_path: Path, addr: str) -> None:
    port = free_port()
    with running(with_addr(tmp_path, addr.format(port))) as server:
        assert ask(port, "/healthz").status == 200
        assert ask(server.port, "/debug/health").status == 404
        warned = "debug listener can be reached from other machines" in server.log.read_text()
        assert warned == addr.startswith(":")


@pytest.mark.parametrize("whose", ["of somebody else", "of the registry"])
def test_a_port_that_is_taken(tmp_path: Path, whose: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = with_addr(tmp_path, "")
        port = server.port if whose == "of the registry" else taken.getsockname()[1]
        # By another name than `http.addr`, which is refused as soon as it is read.
        addr = f"localhost:{port}"
        config = tmp_path / "config.yml"
        config.write_text(config.read_text().replace("addr: ''", f"addr: '{addr}'"))
        done = forking.command(*server.command[1:])
    assert done.returncode == 1
    assert done.stderr == (f"moorage: cannot listen on {addr} (http.debug.addr): Address already in use\n")


def test_a_host_that_cannot_be_a_name(tmp_path: Path) -> None:
    server = with_addr(tmp_path, "é..b:5001")
    done = forking.command(*server.command[1:])
    assert done.returncode == 1
    assert done.stderr == "moorage: cannot listen on é..b:5001 (http.debug.addr): no name of a host\n"


def test_metrics_without_a_listener_are_warned_of(tmp_path: Path) -> None:
    extra = "  workers: 1\n  debug: {prometheus: {enabled: true}}\n"
    with running(moorage_server(tmp_path, extra=extra)) as server:
        assert 'key=http.debug.prometheus reason="http.debug.addr is not set"' in server.log.read_text()


def test_workers_of_one_server_count_in_a_folder_that_goes_with_it(tmp_path: Path) -> None:
    at = debugged(tmp_path, prometheus=True)
    with running(at.server):
        made = folder_of(at.server)
        assert made.stat().st_mode & 0o777 == 0o700
        assert at.page("/metrics").status == 200
        at.server.kill()
    until(lambda: is_free(made), "its workers are dead")
    with running(at.server):
        assert not made.exists(), "the next one removes what a killed one left"
        again = folder_of(at.server)
        for _ in range(3):
            replace_a_worker(at.server)
        assert again.exists()
    assert not again.exists()


def is_free(folder: Path) -> bool:
    """Whether no process counts there any more. Those that were killed are dead a moment later."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def replace_a_worker(server: Server) -> None:
    until(lambda: len(server.pids()) == 3, "two workers")
    _, victim, _ = server.pids()
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in server.pids() and len(server.pids()) == 3, "another worker")


def folder_of(server: Server) -> Path:
    opened = {path.readlink() for path in Path(f"/proc/{server.pid}/fd").iterdir() if path.is_symlink()}
    (found,) = [path for path in opened if path.name.startswith(PREFIX)]
    return found
