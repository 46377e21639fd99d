"""A server that nobody asked for traces has nothing of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.exchange import exchange
from tests.support.server import AS_ALWAYS, Server, moorage_server, running

OFF: list[Mapping[str, str]] = [
    {"OTEL_TRACES_EXPORTER": ""},
    {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_SDK_DISABLED": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    },
]
LIBRARIES = ("opentelemetry", "google.protobuf", "requests", "moorage.tracing.assembling")

PROGRAM = """
import json, sys
from pathlib import Path
from moorage.app import Application
from moorage.config import load
Application(load(Path(sys.argv[1]), {}).configuration)
print(json.dumps(sorted(sys.modules)))
"""


def sockets(server: Server) -> list[str]:
    """All that the server's processes have open towards others, besides what clients opened to them."""
    mine = set()
    for entry in (entry for pid in server.pids() for entry in Path(f"/proc/{pid}/fd").iterdir()):
        # The connection of a client who has gone may be closed just now.
        with contextlib.suppress(FileNotFoundError):
            mine.add(str(entry.readlink()))
    found = []
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
            _, local, other, *fields = line.split()
            if f"socket:[{fields[6]}]" in mine and int(local.rpartition(":")[2], 16) != server.port:
                found.append(f"{protocol} {local} {other}")
    return found


@pytest.mark.parametrize("variables", OFF[::2], ids=str)
def test_a_worker_without_traces_has_nothing_of_opentelemetry_in_memory(
    variables: Mapping[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\n")
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(config)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(told.stdout)
    assert "moorage.tracing" in loaded
    assert [name for name in loaded if name.startswith(LIBRARIES)] == []
    assert told.stderr == ""


@pytest.mark.parametrize("variables", OFF[:2], ids=str)
def test_a_server_without_traces_opens_no_socket_and_says_nothing(
    variables: Mapping[str, str], tmp_path: Path
) -> None:
    with running(moorage_server(tmp_path, environment=variables)) as server:
        answer = exchange(server.address, "GET", "/v2/team/app/manifests/latest")
        assert answer.status == 404
        assert sockets(server) == []
        maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in server.pids())
    assert "protobuf" not in maps
    lines = server.log.read_text().splitlines()
    assert [line for line in lines if " HTTP/1.1" not in line and not AS_ALWAYS.search(line)] == []
