"""docs/notifications.md and the recipes that belong to it, done as they say: their listeners run, and a registry tells them."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, blocks, table
from tests.events.listener import SECONDS, Listener, answer
from tests.events.telling import endpoint, events_of, telling
from tests.faults.client import Client
from tests.faults.images import MANIFEST_TYPE, Image, digest_of
from tests.faults.processes import eventually
from tests.server.secure import AUTHORITY
from tests.support import forking
from tests.support.listening import listening
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command, running

PAGE = ROOT / "docs/notifications.md"
CHAT = ROOT / "docs/recipes/chat.md"
CI = ROOT / "docs/recipes/ci.md"
SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes of it.").decode()
VARIABLE = "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_SECRETS_0"
PATIENCE = {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TIMEOUT": "30s"}
"""However long the listener of the page takes for its database."""
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT[0-9:]+\+00:00")

CONFIG, LAYER = b'{"architecture": "amd64"}', b"a layer"
IMAGE = Image(
    json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(CONFIG),
                "size": len(CONFIG),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": digest_of(LAYER),
                    "size": len(LAYER),
                }
            ],
        }
    ).encode(),
    (CONFIG, LAYER),
)


def text_of(page: Path, kind: str, number: int = 0) -> str:
    return [block.text for block in blocks(page) if block.kind == kind][number]


def likened(text: str) -> str:
    """Without what is another one each time: ids, digests, moments and durations."""
    for pattern, word in (
        (UUID, "ID"),
        (DIGEST, "DIGEST"),
        (MOMENT, "MOMENT"),
        (re.compile(r"[\d.]+ ms"), "N ms"),
    ):
        text = pattern.sub(word, text)
    return text.strip()


@dataclass(frozen=True)
class Program:
    """A listener of a page, running. `written`: what it printed."""

    port: int
    log: Path

    @property
    def written(self) -> str:
        return self.log.read_text()


@contextlib.contextmanager
def program(
    folder: Path, name: str, text: str, port: int = 0, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """A program of a page beside the page's listener.py, as its command starts it."""
    folder.mkdir(exist_ok=True)
    (folder / "listener.py").write_text(text_of(PAGE, "python"))
    (folder / name).write_text(text)
    started = Program(port or free_port(), folder / f"{name}.log")
    command = [
        sys.executable,
        "-c",
        "import os, sys; os.chdir(sys.argv[1]); os.execv(sys.executable, sys.argv[2:])",
    ]
    command += [str(folder), sys.executable, name, str(started.port)]
    with listening(command, started.port, started.log, {"WEBHOOK_SECRET": SECRET, **(environment or {})}):
        yield started


def registry(folder: Path, page: Path, port: int, number: int = 0) -> Server:
    """The configuration of a page with the paths and ports of this test, and the secret where the page puts it."""
    folder.mkdir(exist_ok=True)
    text, count = re.subn(
        r"http://127\.0\.0\.1:808\d/", f"http://127.0.0.1:{port}/", text_of(page, "yaml", number)
    )
    assert count == 1
    own = free_port()
    text = text.replace("/var/lib/registry", str(folder / "data")) + f"http: {{addr: '127.0.0.1:{own}'}}\n"
    (folder / "config.yml").write_text(text)
    command = moorage_command("serve", str(folder / "config.yml"))
    environment = {VARIABLE: SECRET, "REGISTRY_STORAGE_DELETE_ENABLED": "true", **PATIENCE}
    return Server(command, own, folder / "data", folder / "moorage.log", environment)


def push(server: Server, name: str = "app", tag: str = "latest") -> None:
    with Client(server.port) as client:
        for blob in IMAGE.blobs:
            client.push_blob(name, blob)
        client.expect(
            201, "PUT", f"/v2/{name}/manifests/{tag}", IMAGE.manifest, {"Content-Type": MANIFEST_TYPE}
        )


def events(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`moorage events` with the configuration of the server."""
    return forking.command("events", *arguments, server.command[-1], environment=server.environment)


def console(command: str) -> str:
    """What the page shows below a command."""
    for block in blocks(PAGE, "console"):
        if command in block.text:
            return block.text.split(command, 1)[1].split("\n", 1)[1]
    raise AssertionError(f"{PAGE} does not show {command}")


def test_the_first_endpoint_of_the_page_prints_what_the_page_says(tmp_path: Path) -> None:
    with program(tmp_path / "listener", "listener.py", text_of(PAGE, "python")) as listener:
        with running(registry(tmp_path / "registry", PAGE, listener.port)) as server:
            tried = events(server, "test", "printer")
            push(server)
            wanted = likened(text_of(PAGE, ""))
            eventually(lambda: likened(listener.written) == wanted, SECONDS, "the lines of the page")
        assert tried.returncode == 0, tried
        assert likened(tried.stdout) == likened(console("moorage events test printer config.yml"))


def test_a_listener_that_was_away_gets_what_the_list_shows(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "listener"
    with running(registry(tmp_path / "registry", PAGE, port)) as server:
        with program(folder, "listener.py", text_of(PAGE, "python"), port):
            push(server, "before")
            assert events(server, "replay").returncode == 0
        push(server)
        shown = likened(console("moorage events list config.yml"))
        # The page has an endpoint that took seven events before.
        found = likened(events(server, "list").stdout)
        assert re.sub(r"\d+ delivered", "7 delivered", found) == shown
        with program(folder, "listener.py", text_of(PAGE, "python"), port) as listener:
            assert events(server, "replay").returncode == 0
            eventually(lambda: listener.written.count("push app ") == 3, SECONDS, "three lines")
        push(server, "never")
        assert events(server, "drop", "--yes", "--endpoint", "printer").stdout == "3 events dropped\n"
        server.stop()
    messages = re.findall(r'msg="(endpoint of notifications [^"]*)"', server.log.read_text())
    on_the_page = re.findall(r'msg="(endpoint of notifications [^"]*)"', PAGE.read_text())
    # Whether the circuit opened depends on how long the listener was away.
    assert set(messages) <= set(on_the_page)
    assert {on_the_page[0], on_the_page[-1]} <= set(messages)


def test_the_listener_of_the_page_believes_nobody_else(tmp_path: Path) -> None:
    with program(tmp_path / "listener", "listener.py", text_of(PAGE, "python")) as listener:
        server = registry(tmp_path / "registry", PAGE, listener.port)
        stranger = replace(server, environment={VARIABLE: "another", **PATIENCE})
        assert "push: not taken, 401 Unauthorized" in events(stranger, "test", "printer").stdout
        assert "push" not in listener.written


def test_events_have_the_fields_that_the_page_lists(tmp_path: Path) -> None:
    """None more, and each of them in some event; and the example has those of such an event."""
    listed = {
        field for row in table(PAGE, "Events") + _fields() for field in re.findall(r"`([\w.]+)`", row[0])
    }
    actions = {row[0].strip("`") for row in table(PAGE, "Events")}
    with Listener() as listener:
        more = "  events: {includereferences: true}\n"
        with running(telling(tmp_path, endpoint("hook", listener.url), more=more)) as server:
            push(server, "fields")
            _do_the_rest(server)
            listener.wait(lambda: len(events_of(listener, "fields")) >= 7)
            found = events_of(listener, "fields")
    assert {event["action"] for event in found} == actions
    fields = {field for event in found for field in _paths(event)}
    # Nobody signs in here.
    assert fields | {"actor.name"} == listed - actions
    example = json.loads(text_of(PAGE, "json"))
    pushed = next(event for event in found if event["target"].get("tag") and event["action"] == "push")
    assert _paths(example) == _paths(pushed) - {"target.references"} | {"actor.name"}


def _fields() -> list[list[str]]:
    rows = PAGE.read_text().split("| field | |\n| --- | --- |\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in rows.splitlines()]


def _do_the_rest(server: Server) -> None:
    """A pull, a mount and deletions, after a push."""
    with Client(server.port) as client:
        client.expect(200, "GET", "/v2/fields/manifests/latest", headers={"Accept": MANIFEST_TYPE})
        other = b"of another"
        client.push_blob("elsewhere", other)
        client.expect(201, "POST", f"/v2/fields/blobs/uploads/?mount={digest_of(other)}&from=elsewhere")
        client.expect(202, "DELETE", f"/v2/fields/manifests/{IMAGE.digest}")


def _paths(event: dict[str, Any]) -> set[str]:
    found = set()
    for key, value in event.items():
        if isinstance(value, dict):
            found |= {f"{key}.{below}" for below in value}
        else:
            found.add(key)
    return found


def test_the_chat_of_the_recipe_is_told_of_images_once_it_takes_messages(tmp_path: Path) -> None:
    with Listener(script=[answer(503), answer(503)]) as chat:
        where = {"CHAT_URL": f"http://127.0.0.1:{chat.port}/hooks/6d1f"}
        with (
            program(tmp_path / "listener", "chat.py", text_of(CHAT, "python"), environment=where) as relay,
            running(registry(tmp_path / "registry", CHAT, relay.port)) as server,
        ):
            push(server)
            chat.wait_for(3)
            with Client(server.port) as client:
                client.expect(202, "DELETE", f"/v2/app/manifests/{IMAGE.digest}")
            chat.wait_for(5)
    assert {(one.method, one.path) for one in chat.received} == {("POST", "/hooks/6d1f")}
    assert {one.header("Content-Type") for one in chat.received} == {"application/json"}
    texts = [json.loads(one.body) for one in chat.received]
    pushed = {"text": "somebody pushed `app:latest`"}
    deleted = [
        {"text": "somebody deleted `app:latest`"},
        {"text": f"somebody deleted `app@{IMAGE.digest}`"},
    ]
    assert texts == [pushed, pushed, pushed, *deleted]


def test_the_test_event_shows_in_the_chat_as_the_recipe_says(tmp_path: Path) -> None:
    with Listener() as chat:
        where = {"CHAT_URL": f"http://127.0.0.1:{chat.port}/"}
        with program(tmp_path / "listener", "chat.py", text_of(CHAT, "python"), environment=where) as relay:
            assert events(registry(tmp_path / "registry", CHAT, relay.port), "test", "chat").returncode == 0
    line = re.findall(r"^> (.*)$", CHAT.read_text(), re.MULTILINE)[0]
    assert json.loads(chat.received[0].body) == {"text": line}


GITLAB = {
    "token": "a-token",
    "ref": "main",
    "variables[IMAGE]": f"app@{IMAGE.digest}",
    "variables[IMAGE_TAG]": "latest",
}
GITHUB = {"event_type": "image", "client_payload": {"image": f"app@{IMAGE.digest}", "tag": "latest"}}


@pytest.mark.parametrize("system", ["gitlab", "github"])
def test_each_image_starts_a_pipeline_as_soon_as_the_ci_system_of_the_recipe_answers(
    tmp_path: Path, system: str
) -> None:
    text, other = (text_of(CI, "python", number) for number in (0, 1))
    if system == "github":
        before, after = text.split("def start(")[0], text.split("\n\ndef act(")[1]
        text = f"import json\n{before}{other}\n\ndef act({after}"
    with Listener(script=[answer(502)]) as ci:
        where = {"CI_URL": f"http://127.0.0.1:{ci.port}/start", "CI_TOKEN": "a-token"}
        with (
            program(tmp_path / "listener", "ci.py", text, environment=where) as relay,
            running(registry(tmp_path / "registry", CI, relay.port)) as server,
        ):
            push(server)
            ci.wait_for(2)
            with Client(server.port) as client:
                client.expect(202, "DELETE", "/v2/app/manifests/latest")
            assert events(server, "replay").returncode == 0
    first, second = ci.received
    assert (second.method, second.path, second.body) == ("POST", "/start", first.body)
    if system == "gitlab":
        assert dict(urllib.parse.parse_qsl(second.body.decode())) == GITLAB
    else:
        assert json.loads(second.body) == GITHUB
        assert second.header("Authorization") == "Bearer a-token"


def test_an_authority_of_ones_own_is_trusted_where_the_page_says(tmp_path: Path) -> None:
    AUTHORITY.issue().write(tmp_path / "certificate.pem", tmp_path / "key.pem")
    (tmp_path / "authority.pem").write_bytes(AUTHORITY.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with Listener(tls=context) as listener:
        server = telling(tmp_path / "registry", endpoint("hook", listener.url))
        with running(
            replace(server, environment={"SSL_CERT_FILE": str(tmp_path / "authority.pem")})
        ) as trusting:
            push(trusting)
            listener.wait_for(3)


def test_the_reasons_of_the_page_are_those_of_the_program() -> None:
    source = "".join(
        (ROOT / "src/moorage/events" / name).read_text() for name in ("outcome.py", "sending.py")
    )
    for row in table(PAGE, "When a listener fails"):
        (reason,) = re.findall("`([^`]+)`", row[0])
        # Without statuses, addresses and seconds.
        words = re.split(r"\d{3} [A-Z]\w*(?: [A-Z]\w*)*|\d[\d.]*|…", reason)
        for part in filter(None, (word.strip(" :,") for word in words)):
            assert part in source or part in os.strerror(errno.ECONNREFUSED), reason
