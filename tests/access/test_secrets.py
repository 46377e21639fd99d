"""Secrets that are planted everywhere, and are then nowhere: not in logs, not in errors, not in what is printed."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest

from tests.access.servers import ask, served
from tests.auth.hashing import header, line
from tests.events.listener import Listener
from tests.support.exchange import exchange
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command

RIGHT, WRONG, AS_NAME, IN_CLEAR = "Canary/right-1", "Canary+wrong-2", "Canary-name-3", "Canary-clear-4"
"""A password, one that is wrong, one that is typed where the name should be, and one that is not hashed in the file."""
SIGNING, IN_URL, IN_QUERY = "Canary-signing-5", "Canary-url-6", "Canary-query-7"
TO_LISTENER, WEBHOOK = "Canary-listener-8", "Canary-webhook-9"
NAME: Final = "team/app"
PATHS: Final = (
    "/v2/", "/v2/_catalog", f"/v2/{NAME}/tags/list", f"/v2/{NAME}/manifests/latest", f"/v2/{NAME}/manifests/a@b", f"/v2/{NAME}/blobs/sha256:{'0' * 64}", f"/v2/{NAME}/blobs/none",
    f"/v2/{NAME}/referrers/x", f"/v2/{NAME}/blobs/uploads/", f"/v2/{NAME}/blobs/uploads/x", "/auth/token", "/v2/UPPER/tags/list", "/none", "/", "/healthz",
)  # fmt: skip
PARAMETERS: Final = (
    "_state",
    "token",
    "access_token",
    "refresh_token",
    "password",
    "secret",
    "authorization",
    "n",
    "digest",
    "key",
    "",
)


@dataclass
class Told:
    """Everything that a server says to anybody."""

    server: Server
    answers: list[str] = field(default_factory=list)

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Any:
        answer = ask(self.server, method, target, body, headers)
        own = answer.status < 300 and (target.startswith("/auth/token") or "/uploads/" in target)
        if not own:
            # Who gets a token, or goes on with an upload, is told just that.
            self.answers.append(f"{answer.headers} {answer.body.decode('latin-1')}")
        return answer

    def raw(self, request: str) -> None:
        """What no client library would send."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
            connection.sendall(request.encode("latin-1"))
            connection.settimeout(30)
            self.answers.append(connection.recv(65_536).decode("latin-1"))

    def everything(self) -> str:
        return self.server.log.read_text(errors="replace") + "\n".join(self.answers)


def forms(secret: str) -> set[str]:
    """As it might be repeated. Of a token, its signature."""
    last = secret.rpartition(".")[2] if secret.startswith("eyJ") else secret  # a hash may have a dot, too
    return {
        *(secret, last, last[-24:], quote(secret, safe=""), json.dumps(secret)[1:-1], secret[: len(secret) // 2] if len(secret) > 60 else secret),
        *(base64.b64encode(f"ann:{secret}".encode()).decode(), base64.b64encode(secret.encode()).decode().rstrip("=")),
    }  # fmt: skip


def found(text: str, secrets: Mapping[str, str]) -> list[str]:
    """Which of them are in it, with what stands before."""
    return [
        f"{name}: …{text[max(0, text.index(form) - 150) : text.index(form)]!r}"
        for name, secret in secrets.items()
        for form in forms(secret)
        if form in text
    ]


def places(secret: str) -> Iterator[dict[str, str]]:
    """Headers in which it may be sent."""
    for value in (
        header("ann", secret),
        header(secret, "x"),
        f"Basic ann:{secret}",
        f"Basic {secret}",
        f"Bearer {secret}",
        f"bearer  {secret}",
        f"Bearer {secret}.",
        secret,
        f"Digest {secret}",
    ):
        yield {"Authorization": value}
    yield {
        "Cookie": f"token={secret}",
        "X-Token": secret,
        "Proxy-Authorization": header("ann", secret),
        "X-Api-Key": secret,
    }
    yield {
        "Referer": f"https://ui.example/?token={secret}",
        "Forwarded": f"for={secret}",
        "X-Forwarded-For": secret,
    }
    yield {"Referer": f"https://ann:{quote(secret, safe='')}@ui.example/", "User-Agent": "docker/27"}


def rules(folder: Path, form: str) -> dict[str, Any]:
    (folder / "htpasswd").write_text(
        line("ann", RIGHT) + f"eve:{IN_CLEAR}\n{IN_CLEAR}\n" + line("bob", "bob")
    )
    return {
        "log": {"level": "debug", "formatter": form, "reportcaller": True},
        "auth": {"htpasswd": {"realm": "Registry", "path": str(folder / "htpasswd")}},
        "access": [{"repositories": ["**"], "users": ["ann"], "allow": ["push", "delete", "catalog"]}],
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_said_to_anybody_else(form: str, tmp_path: Path) -> None:
    """CVE-2025-48374, GHSA-prh4-vhfh-24mj: passwords, tokens and secrets of the configuration in logs."""
    debug = free_port()
    listening = {"debug": {"addr": f"127.0.0.1:{debug}", "prometheus": {"enabled": True}}}
    with (
        Listener() as listener,
        served(
            tmp_path / "server",
            {**rules(tmp_path, form), "notifications": notified(listener)},
            {"secret": SIGNING, **listening},
        ) as server,
    ):
        told = Told(server)
        secrets = {
            "right": RIGHT,
            "wrong": WRONG,
            "as a name": AS_NAME,
            "in clear": IN_CLEAR,
            "signing": SIGNING,
            "header of an endpoint": TO_LISTENER,
            "signature of an endpoint": WEBHOOK,
        }
        secrets |= signed_in(told)
        key = next((server.root / "moorage" / "keys").iterdir()).read_text()
        secrets |= {"private key": json.loads(key)["d"], "hash": (tmp_path / "htpasswd").read_text()[10:60]}
        for secret in secrets.values():
            present(told, secret)
        confuse(told, secrets)
        break_storage(told)
        assert server.log.read_text().count("\n") > 500, "the log is written"
        told.answers += watched(debug)
        assert {event["action"] for event in events(listener)} >= {"push", "pull"}
        told.answers += [request.body.decode() for request in listener.received]
        assert not found(told.everything(), secrets)
    assert not found(server.log.read_text(), secrets), "at the end neither"
    printed = subprocess.run(
        moorage_command("config", "check", server.command[-1]), capture_output=True, text=True, check=True
    )
    assert not found(printed.stdout + printed.stderr, secrets)


def notified(listener: Listener) -> dict[str, Any]:
    return {
        "events": {"includereferences": True},
        "endpoints": [
            {
                "name": "listener",
                "url": listener.url.replace("://", f"://ann:{quote(IN_URL, safe='')}@") + f"?sig={IN_QUERY}",
                "headers": {"X-Token": [TO_LISTENER]},
                "secrets": [WEBHOOK],
                "timeout": "5s",
            }
        ],
    }


def events(listener: Listener) -> list[dict[str, Any]]:
    """Once those of an upload and of its pull are there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = [event for request in listener.received for event in request.events]
        if {event["action"] for event in found} >= {"push", "pull"}:
            return found
        time.sleep(0.05)
    return found


def watched(port: int) -> list[str]:
    """What the debug listener shows."""
    found = []
    for path in ("/metrics", "/debug/vars", "/debug/stacks", "/debug/health", "/"):
        answer = exchange(f"127.0.0.1:{port}", "GET", path)
        found.append(f"{answer.headers} {answer.body.decode()}")
        assert answer.status in (200, 503), path
    return found


def signed_in(told: Told) -> dict[str, str]:
    """A token, a refresh token and the state of an upload that are right."""
    query = urlencode({"scope": f"repository:{NAME}:pull,push", "service": "moorage"})
    answer = told.ask(
        "GET", f"/auth/token?{query}&offline_token=true", headers={"Authorization": header("ann", RIGHT)}
    )
    assert answer.status == 200, answer.body
    token, refresh = answer.json["token"], answer.json["refresh_token"]
    begun = told.ask("POST", f"/v2/{NAME}/blobs/uploads/", headers={"Authorization": f"Bearer {token}"})
    assert begun.status == 202, begun.body
    location = begun.headers["location"]
    for method, body in (("PATCH", b"x"), ("GET", b""), ("PUT", b"")):
        told.ask(method, location, body, {"Authorization": f"Bearer {token}"})
    digest = f"sha256:{hashlib.sha256(b'y').hexdigest()}"
    target = f"/v2/{NAME}/blobs/uploads/?digest={digest}"
    assert told.ask("POST", target, b"y", {"Authorization": f"Bearer {token}"}).status == 201
    target = f"/v2/{NAME}/blobs/{digest}"
    assert told.ask("GET", target, headers={"Authorization": f"Bearer {token}"}).status == 200
    return {"token": token, "refresh token": refresh, "state": location.partition("_state=")[2]}


def present(told: Told, secret: str) -> None:
    for number, headers in enumerate(places(secret)):
        for path in (PATHS[number % len(PATHS)], f"/v2/{NAME}/manifests/latest", "/auth/token"):
            told.ask("GET" if "uploads" not in path else "POST", path, headers=headers)
    for number, name in enumerate(PARAMETERS):
        query = f"{name}={quote(secret, safe='')}" if name else quote(secret, safe="")
        for path in (PATHS[number % len(PATHS)], f"/v2/{NAME}/blobs/uploads/x", "/auth/token"):
            told.ask("GET", f"{path}?{query}")
            told.ask("PATCH", f"{path}?a=b&{query}", b"x", {"Authorization": header("ann", RIGHT)})


def confuse(told: Told, secrets: Mapping[str, str]) -> None:
    """Forms that are right, nearly right and nonsense; and requests that are hardly any."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for secret in secrets.values():
        for fields in (
            {"grant_type": "password", "username": "ann", "password": secret},
            {"grant_type": "password", "username": secret, "password": secret, "service": "other"},
            {"grant_type": "refresh_token", "refresh_token": secret, "service": "moorage"},
            {"grant_type": secret, "password": secret},
            {"username": "a:b", "grant_type": "password", "password": secret},
            {"grant_type": "password", "username": "ann", "password": secret, "scope": "not a scope"},
        ):
            told.ask("POST", "/auth/token", urlencode(fields).encode(), kind)
        told.ask(
            "POST",
            "/auth/token",
            json.dumps({"password": secret}).encode(),
            {"Content-Type": "application/json"},
        )
        told.ask("POST", "/auth/token", f"password={secret}\xff".encode("latin-1"), kind)
        told.ask("POST", "/auth/token", (f"password={secret}&" * 2_000).encode(), kind)
        word = quote(secret, safe="")
        told.raw(
            f"GET http://ann:{word}@registry.example/v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        told.raw(f"GET /v2/ HTTP/1.1\r\nHost: ann:{word}@a\r\nConnection: close\r\n\r\n")
        told.raw(
            f"GET /v2/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {word}\0\r\nConnection: close\r\n\r\n"
        )
        told.raw(f"GET /v2/?{word} HTTP/9.9\r\nAuthorization: Bearer {word}\r\n\r\n")
        told.raw(
            f"POST /auth/token HTTP/1.1\r\nHost: a\r\nContent-Length: x{word}\r\nConnection: close\r\n\r\n"
        )


def break_storage(told: Told) -> None:
    """Errors that are no client's fault, with credentials on them."""
    repositories = told.server.root / "docker" / "registry" / "v2" / "repositories"
    repositories.rename(repositories.with_name("elsewhere"))
    repositories.write_text("a file where a folder should be")
    for method, path in (
        ("GET", f"/v2/{NAME}/manifests/latest"),
        ("POST", f"/v2/{NAME}/blobs/uploads/"),
        ("GET", "/v2/_catalog"),
    ):
        answer = told.ask(method, path, headers={"Authorization": header("ann", RIGHT)})
        assert answer.status in (200, 404, 500, 503), (path, answer.status)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_of_a_url_in_the_configuration_is_said(form: str, tmp_path: Path) -> None:
    """A commit of the reference: it logged the user and password of URLs. Here the key set cannot be reached."""
    url = f"http://ann:{IN_URL}@127.0.0.1:1/keys?sig={IN_QUERY}"
    token = {"realm": "https://auth.example.org/token", "service": "a", "issuer": "b", "jwks": url}
    log = {"level": "debug", "formatter": form}
    with served(tmp_path, {"log": log, "auth": {"token": token}}, {"secret": SIGNING}) as server:
        told = Told(server)
        head = base64.urlsafe_b64encode(b'{"alg":"ES256"}').decode().rstrip("=")
        for text in (f"{head}.e30.AAAA", "x.y.z"):
            assert told.ask("GET", "/v2/", headers={"Authorization": f"Bearer {text}"}).status in (401, 503)
        said = told.everything()
    assert "cannot be loaded" in said
    assert not found(said + server.log.read_text(), {"url": IN_URL, "query": IN_QUERY, "signing": SIGNING})
