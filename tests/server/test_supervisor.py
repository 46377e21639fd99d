"""systemd is told when the server serves and when it stops (`sd_notify(3)`)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.server import supervisor
from tests.auth.packages import ANYBODY, install
from tests.support.server import moorage_server, running

SECONDS = 30


REFUSING = f"""
import multiprocessing
{ANYBODY}

def controller(options, context):
    if multiprocessing.parent_process():
        raise AuthError("not in a worker")
    return Controller()
"""


@contextlib.contextmanager
def hearing(name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(name.replace("@", "\0"))
        heard.settimeout(SECONDS)
        yield heard


@pytest.mark.parametrize("kind", ["a file", "abstract"])
def test_systemd_is_told_when_the_server_serves_and_when_it_stops(kind: str, tmp_path: Path) -> None:
    name = f"@{tmp_path}" if kind == "abstract" else str(tmp_path / "notify")
    with hearing(name) as heard:
        server = moorage_server(tmp_path, environment={"NOTIFY_SOCKET": name})
        with running(server):
            assert heard.recv(100) == b"READY=1"
            assert server.stop() == 0
        assert heard.recv(100) == b"STOPPING=1"


def test_a_server_whose_workers_cannot_start_is_never_ready(tmp_path: Path) -> None:
    packages = install(tmp_path / "packages", {"refusing": "refusing:controller"}, {"refusing": REFUSING})
    name = str(tmp_path / "notify")
    server = moorage_server(
        tmp_path,
        extra="auth:\n  extension: {name: refusing}\n",
        environment={"NOTIFY_SOCKET": name, "PYTHONPATH": str(packages)},
    )
    with hearing(name) as heard:
        process = server.launch()
        try:
            assert process.wait(SECONDS) == 1
        finally:
            server.kill()
        assert heard.recv(100) == b"STOPPING=1"
    assert "not in a worker" in server.log.read_text()


def test_that_nobody_can_be_told_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nowhere"))
    supervisor.tell(supervisor.READY)
    assert [vars(record)["reason"] for record in caplog.records] == ["No such file or directory"]
