"""The logs of whole servers: what is in a line, where it goes, who gets mail."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moorage import __version__
from tests.docs.pages import ROOT, blocks
from tests.faults.client import Client
from tests.faults.images import make_image
from tests.observe.mailserver import mail_server, silent_server
from tests.support.exchange import exchange
from tests.support.server import Server, moorage_server, running
from tests.support.tools import require

SECRET = "hunter2-eyJhbGciOiJFZERTQSJ9"
REQUESTS = 2_000
BLOCKED = "blocked"
"""A file stands where the folder of this repository should be, so nothing can be pushed below it."""


def server_with(folder: Path, log: str) -> Server:
    """`log` is YAML, what is below `log:`."""
    made = moorage_server(folder)
    config = folder / "config.yml"
    config.write_text(config.read_text().replace("log:\n  level: info\n", f"log: {log}\n"))
    return made


def events(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def fail(server: Server, **headers: str) -> None:
    """Have the storage fail, which is an error in the log."""
    repositories = server.root / "docker/registry/v2/repositories"
    repositories.mkdir(parents=True, exist_ok=True)
    (repositories / BLOCKED).touch()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = exchange(
        server.address, "POST", f"/v2/{BLOCKED}/app/blobs/uploads/?token={SECRET}", headers=sent
    )
    assert answer.status == 503


def wait_for(what: str, found: Any) -> Any:
    deadline = time.monotonic() + 30
    while not (result := found()):
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.05)
    return result


def test_a_line_tells_of_its_request_in_the_words_of_the_reference(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    log = f"{{formatter: json, output: {file}, fields: {{environment: test}}, accesslog: {{disabled: true}}}}"
    with running(server_with(tmp_path, log)) as server:
        fail(
            server, x_request_id="given-by-the-client", user_agent="curl/8 \x9b31m", content_type="text/plain",
            authorization=f"Bearer {SECRET}", cookie=SECRET, referer=f"https://ann:{SECRET}@ui.example/?a={SECRET}",
        )  # fmt: skip
    (event,) = [event for event in events(file) if event["level"] == "error"]
    remote, started = event.pop("http.request.remoteaddr"), event.pop("http.request.startedat")
    assert re.fullmatch(r"127\.0\.0\.1:\d+", remote)
    assert started <= event.pop("time")
    assert event.pop("reason")
    assert uuid.UUID(event.pop("instance.id"))
    assert event == {
        "level": "error",
        "msg": "storage failed",
        "failure": event["failure"],
        "http.request.id": "given-by-the-client",
        "http.request.method": "POST",
        "http.request.host": server.address,
        "http.request.uri": f"/v2/{BLOCKED}/app/blobs/uploads/?***",
        "http.request.useragent": "curl/8 \x9b31m",
        "http.request.referer": "https://***@ui.example/?***",
        "http.request.contenttype": "text/plain",
        "vars.name": f"{BLOCKED}/app",
        "environment": "test",
        "version": __version__,
    }
    assert SECRET not in file.read_text()
    assert file.read_text().isascii()


BROKEN = """
import sys
from moorage.api import tags
from moorage.cli import main

async def get(exchange):
    raise RuntimeError("first line\\nsecond line")

from moorage.api import routes
for method, operation in routes.TAGS.operations.items():
    object.__setattr__(operation, "handler", get)
sys.argv = ["moorage", "serve", sys.argv[1]]
main()
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_error_that_nobody_foresaw_is_one_line_with_its_traceback(tmp_path: Path, form: str) -> None:
    file = tmp_path / "log"
    server = server_with(tmp_path, f"{{formatter: {form}, output: {file}, accesslog: {{disabled: true}}}}")
    server.command = [sys.executable, "-c", BROKEN, str(tmp_path / "config.yml")]
    with running(server):
        answer = exchange(server.address, "GET", "/v2/a/tags/list", headers={"x-request-id": "id-7"})
    assert (answer.status, answer.headers["x-request-id"]) == (500, "id-7")
    (line,) = [line for line in file.read_text().splitlines() if "unexpected error" in line]
    assert line.isprintable()
    if form == "text":
        assert 'error="Traceback (most recent call last):\\n' in line
        assert "http.request.id=id-7" in line
        return
    event = json.loads(line)
    assert event["error"].splitlines()[-2:] == ["RuntimeError: first line", "second line"]
    assert (event["http.request.id"], event["vars.name"]) == ("id-7", "a")


def test_an_ordinary_push_and_pull_writes_nothing_but_the_access_log(tmp_path: Path) -> None:
    server = moorage_server(tmp_path)
    with running(server), Client(server.port) as client:
        image = make_image(random.Random(5))
        # With the 404 of each thing that is not there yet, as clients ask.
        assert client.request("HEAD", "/v2/new/app/manifests/latest").status == 404
        client.push("new/app", "latest", image)
        assert not client.fault_in("new/app", "latest", image)
    lines = server.log.read_text().splitlines()
    config = tmp_path / "config.yml"
    assert (
        lines[0]
        == f"moorage {__version__} listens on {server.address}, without auth (configuration: {config})"
    )
    access = re.compile(
        r'127\.0\.0\.1 - - \[.*\] "(HEAD|GET|POST|PATCH|PUT) /v2/.*" [24]\d\d \d+ ".*" ".*" [\d.]+ms \w+'
    )
    strange = [line for line in lines[1:] if not access.fullmatch(line)]
    assert [line.split("msg=")[1].split('"')[1] for line in strange] == [
        "server stops, requests may finish",
        "server has stopped",
    ]
    assert len(lines) > 8


def test_the_access_log_can_be_events_with_the_fields_of_the_reference(tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    log = f"{{level: error, formatter: json, accesslog: {{formatter: fields, output: {file}}}}}"
    with running(server_with(tmp_path, log)) as server:
        missing = f"/v2/team/app/blobs/sha256:{'0' * 64}"
        answer = exchange(
            server.address, "GET", missing, headers={"x-request-id": "id-1", "user-agent": "curl/8"}
        )
        exchange(server.address, "HEAD", "/v2/", headers={"x-request-id": "id-2"})
        # A proxy on this machine is trusted unless others are configured.
        exchange(
            server.address, "GET", "/v2/", headers={"x-request-id": "id-3", "x-forwarded-for": "203.0.113.9"}
        )
    found = {event["http.request.id"]: event for event in events(file)}
    event = found["id-1"]
    assert re.fullmatch(r"\d+\.\d{3}ms", event["http.response.duration"])
    told = {
        name: value
        for name, value in event.items()
        if name.startswith(("http.response", "vars", "msg", "level"))
    }
    told.pop("http.response.duration")
    assert told == {
        "level": "info",
        "msg": "response completed",
        "http.response.status": 404,
        "http.response.written": len(answer.body),
        "http.response.contenttype": "application/json",
        "vars.name": "team/app",
        "vars.digest": f"sha256:{'0' * 64}",
    }
    assert event["http.request.uri"] == missing
    assert event["http.request.useragent"] == "curl/8"
    assert (found["id-2"]["http.response.status"], found["id-2"]["http.response.written"]) == (200, 0)
    assert found["id-3"]["http.request.remoteaddr"] == "203.0.113.9"
    assert "id-1" not in server.log.read_text()


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip"])
def test_the_access_log_names_the_client_behind_a_trusted_proxy(header: str, server: Server) -> None:
    exchange(server.address, "GET", "/v2/", headers={"x-request-id": "id-1", header: "203.0.113.9"})
    # The client has its answer before the line is written.
    (line,) = wait_for(
        "line", lambda: [line for line in server.log.read_text().splitlines() if line.endswith("id-1")]
    )
    assert line.startswith("203.0.113.9 - - [")


@contextlib.contextmanager
def asking(server: Server, requests: int) -> Iterator[set[str]]:
    """While two clients, which are likely to reach different workers, send requests: so many at least, and until the end. The ids
    of all, complete after that."""
    sent: set[str] = set()
    ended = threading.Event()

    def ask(name: str) -> None:
        with Client(server.port) as client:
            number = 0
            while number < requests // 2 or not ended.is_set():
                number += 1
                client.expect(200, "GET", "/v2/", headers={"X-Request-Id": f"{name}-{number}"})
                sent.add(f"{name}-{number}")

    clients = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b")]
    for client in clients:
        client.start()
    try:
        yield sent
    finally:
        ended.set()
        for client in clients:
            client.join()


def lines_of(sent: set[str], files: Iterable[Path]) -> Counter[str]:
    """How often each of these ids ends a line."""
    words = [line.rsplit(" ", 1)[1] for file in files for line in file.read_text().splitlines()]
    return Counter(word for word in words if word in sent)


def clients_in(file: Path) -> set[str]:
    """The names of those who have lines there, and whatever else precedes a dash in an id."""
    return {line.rpartition(" ")[2].partition("-")[0] for line in file.read_text().splitlines()}


def test_no_line_is_lost_while_files_are_moved_away(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = f"{{accesslog: {{output: {folder}/access.log}}}}"
    with running(server_with(tmp_path, log)) as server, asking(server, REQUESTS) as sent:
        for number in range(3):
            wait_for("new file", (folder / "access.log").exists)
            (folder / "access.log").rename(folder / f"access.log.{number}")
    assert len(sent) >= REQUESTS
    assert lines_of(sent, folder.iterdir()) == Counter(sent)


def test_no_line_is_lost_with_the_documented_configuration_of_logrotate(tmp_path: Path) -> None:
    require("logrotate")
    (text,) = [
        block.text
        for block in blocks(ROOT / "docs/observability.md")
        if "/var/log/moorage/*.log {" in block.text
    ]
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o700)
    rules = tmp_path / "rules"
    rules.write_text(text.replace("/var/log/moorage", str(folder)))
    rules.chmod(0o644)
    command = ["logrotate", "--force", "--state", str(tmp_path / "state"), str(rules)]
    log = f"{{accesslog: {{output: {folder}/access.log}}}}"
    with running(server_with(tmp_path, log)) as server, asking(server, 200) as sent:
        for _ in range(2):
            wait_for("new file", (folder / "access.log").exists)
            subprocess.run(command, check=True)
            # All workers that write have to see it. There are days between rotations otherwise.
            wait_for("new file", (folder / "access.log").exists)
            wait_for("lines of both clients", lambda: clients_in(folder / "access.log") >= {"a", "b"})
    # All rotations but the last one are compressed.
    for packed in folder.glob("*.gz"):
        subprocess.run(["gunzip", str(packed)], check=True)
    assert len(list(folder.iterdir())) >= 2
    assert lines_of(sent, folder.iterdir()) == Counter(sent)


@pytest.mark.parametrize("form", ["json", "logstash"])
def test_in_a_log_of_events_all_lines_are_events(tmp_path: Path, form: str) -> None:
    server = server_with(tmp_path, f"{{formatter: {form}, accesslog: {{disabled: true}}}}")
    with running(server):
        pass
    first, *_ = found = events(server.log)
    assert first["message" if form == "logstash" else "msg"] == "server listens"
    assert (first["address"], first["configuration"]) == (server.address, str(tmp_path / "config.yml"))
    assert len(found) == 3


@pytest.mark.parametrize("key", ["output", "accesslog.output"])
def test_a_file_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path, key: str) -> None:
    path = tmp_path / "nowhere/log"
    log = f"{{output: {path}}}" if key == "output" else f"{{accesslog: {{output: {path}}}}}"
    server = server_with(tmp_path, log)
    done = subprocess.run(server.command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"moorage: log.{key}: {path}: No such file or directory\n"


def test_a_full_log_fails_no_request(tmp_path: Path) -> None:
    with running(server_with(tmp_path, "{accesslog: {output: /dev/full}}")) as server:
        for _ in range(20):
            assert exchange(server.address, "GET", "/v2/").status == 200
        workers = len(server.pids()) - 1
    told = [line for line in server.log.read_text().splitlines() if "a log cannot be written" in line]
    assert 1 <= len(told) <= workers
    assert "log=/dev/full" in told[0]
    assert 'reason="No space left on device"' in told[0]


def mailing(port: int, levels: str, interval: str = "1s") -> str:
    options = f"{{smtp: {{addr: '127.0.0.1:{port}'}}, from: registry@example.com, to: [ops@example.com], interval: {interval}}}"
    return f"{{hooks: [{{type: mail, levels: {levels}, options: {options}}}]}}"


def test_an_error_is_mailed_and_so_is_the_death_of_a_worker(tmp_path: Path) -> None:
    with mail_server() as post, running(server_with(tmp_path, mailing(post.port, "[error]"))) as server:
        fail(server, x_request_id="id-1", authorization=f"Bearer {SECRET}")
        (told,) = post.wait_for(1)
        assert re.fullmatch(r"\[error\] \S+: storage failed", told.subject)
        assert "  http.request.id: id-1\n" in told.text
        assert f"  http.request.uri: /v2/{BLOCKED}/app/blobs/uploads/?***\n" in told.text
        assert SECRET not in str(told.message)
        os.kill(server.pids()[1], signal.SIGKILL)
        post.wait_for(2)
        assert " error: worker died, starting another\n" in post.mails[1].text
        assert exchange(server.address, "GET", "/v2/").status == 200


def test_what_waits_to_be_mailed_is_sent_when_the_server_stops(tmp_path: Path) -> None:
    with mail_server() as post:
        with running(server_with(tmp_path, mailing(post.port, "[error]", "1h"))) as server:
            fail(server)
            assert server.stop() == 0
        assert [told.subject.rpartition(": ")[2] for told in post.mails] == ["storage failed"]


def test_a_mail_server_that_hangs_holds_nothing_up(tmp_path: Path) -> None:
    with (
        silent_server() as (port, connected),
        running(server_with(tmp_path, mailing(port, "[error]"))) as server,
    ):
        fail(server)
        assert connected.wait(30)
        fail(server)
        assert exchange(server.address, "GET", "/v2/").status == 200
        assert server.stop() == 0
