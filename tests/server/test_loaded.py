"""What a server has loaded is in the memory of its launcher and of every worker: nothing is there that only other
configurations or other commands need."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tests.support.exchange import exchange
from tests.support.server import Server, moorage_command, moorage_server, running

TOLD = {"PYTHONPROFILEIMPORTTIME": "1"}
"""The interpreter then tells on stderr what it loads, also in processes that are forked from it."""

ONE = "  workers: 1\n"
"""Two workers would write into each other's lines."""

PULLED_AND_PUSHED = b"content"

COMMAND_LINE = ("typer", "click", "rich", "moorage.cli.commands", "difflib", "getpass")
CLIENTS = ("aiohttp", "requests", "urllib3", "http.client", "smtplib", "xml")
CERTIFICATES = ("cryptography", "joserfc", "bcrypt", "moorage.server.certificates", "moorage.letsencrypt")
WATCHING = ("prometheus_client", "opentelemetry", "moorage.metrics", "moorage.debug", "sentry_sdk", "bugsnag")
STORES = ("boto3", "botocore", "obstore", "redis", "sqlite3", "moorage.drivers.objectstore")
OTHERS = ("moorage.controllers", "moorage.events.queue", "html", "unittest", "pytest")
NEEDLESS = (*COMMAND_LINE, *CLIENTS, *CERTIFICATES, *WATCHING, *STORES, *OTHERS)


def loaded(server: Server) -> set[str]:
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", server.log.read_text(), re.MULTILINE))


def within(names: set[str], packages: tuple[str, ...]) -> list[str]:
    return sorted(
        name for name in names if name in packages or name.startswith(tuple(f"{one}." for one in packages))
    )


def use(server: Server) -> None:
    digest = f"sha256:{hashlib.sha256(PULLED_AND_PUSHED).hexdigest()}"
    pushed = exchange(server.address, "POST", f"/v2/a/blobs/uploads/?digest={digest}", body=PULLED_AND_PUSHED)
    assert pushed.status == 201
    assert exchange(server.address, "GET", f"/v2/a/blobs/{digest}").body == PULLED_AND_PUSHED
    assert exchange(server.address, "GET", "/v2/a/manifests/none").status == 404
    assert exchange(server.address, "GET", "/v2/a/tags/list").status == 404
    assert exchange(server.address, "GET", "/readyz").status == 200
    assert exchange(server.address, "GET", "/nothing").status == 404


def test_a_plain_server_has_loaded_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    with running(moorage_server(tmp_path, extra=ONE, environment=TOLD)) as server:
        use(server)
        names = loaded(server)
    assert {"moorage.app", "moorage.server.launcher", "uvloop"} <= names
    assert within(names, NEEDLESS) == [], "import it where it is used"
    assert within(names, ("starlette",)) == ["starlette", "starlette.types"]


def test_what_is_configured_is_loaded(tmp_path: Path) -> None:
    counted = "  debug:\n    addr: 127.0.0.1:0\n    prometheus:\n      enabled: true\n"
    with running(moorage_server(tmp_path, extra=ONE + counted, environment=TOLD)) as server:
        names = loaded(server)
    assert {"aiohttp", "moorage.debug.listener", "moorage.metrics.counting"} <= names


def test_a_server_that_is_started_with_options_serves_as_well(tmp_path: Path) -> None:
    """Typer reads its command line, which is not there otherwise."""
    server = moorage_server(tmp_path)
    server.command = [*moorage_command("serve", "--welcome"), server.command[-1]]
    with running(server):
        use(server)
    assert "docker push" in server.log.read_text()
