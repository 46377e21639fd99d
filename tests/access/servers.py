"""A registry as a process of its own, with whatever configuration, and plain requests to it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.api.client import Answer
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command, running


@contextmanager
def served(
    folder: Path, more: Mapping[str, Any], http_section: Mapping[str, Any] | None = None
) -> Iterator[Server]:
    """`more`: sections of the configuration. JSON is YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    port, config = free_port(), folder / "config.yml"
    document: dict[str, Any] = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", **(http_section or {})},
        **more,
    }
    config.write_text(json.dumps(document))
    server = Server(moorage_command("serve", str(config)), port, folder / "data", folder / "log")
    with running(server):
        yield server


def ask(
    server: Server, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, answer.read(), complete=True)
    finally:
        connection.close()
