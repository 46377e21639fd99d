"""systemd is told when the server listens and when it stops (`sd_notify(3)`)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from moorage.server import supervisor
from tests.support.server import moorage_server, running


@pytest.mark.parametrize("kind", ["a file", "abstract"])
def test_systemd_is_told_when_the_server_listens_and_when_it_stops(kind: str, tmp_path: Path) -> None:
    name = f"@{tmp_path}" if kind == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(name.replace("@", "\0"))
        heard.settimeout(30)
        server = moorage_server(tmp_path, environment={"NOTIFY_SOCKET": name})
        with running(server):
            assert heard.recv(100) == b"READY=1"
            assert server.stop() == 0
        assert heard.recv(100) == b"STOPPING=1"


def test_that_nobody_can_be_told_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nowhere"))
    supervisor.tell(supervisor.READY)
    assert [vars(record)["reason"] for record in caplog.records] == ["No such file or directory"]
