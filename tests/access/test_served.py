"""What only a server on a socket can show: how a path or a header arrives that is written oddly, workers, and real time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from moorage.digest import Digest
from tests.access.cases import CHUNK, Upload, cases
from tests.access.credentials import password_file
from tests.access.servers import ask, served
from tests.access.table import NEEDS
from tests.access.test_variants import variants
from tests.auth.hashing import header, line
from tests.support.server import Server

ADMIN: Final = ("admin", "the password of admin")
NOBODYS: Final = {"in A": Upload("a", ""), "only in B": Upload("b", ""), "missing": Upload("c", "")}
ODD: Final = {"/", "/healthz", "/readyz"}


def sections(folder: Path, **issuer: Any) -> dict[str, Any]:
    (folder / "htpasswd").write_text(password_file())
    htpasswd = {"realm": "Registry", "path": str(folder / "htpasswd")}
    rules = [{"repositories": ["**"], "users": ["*"], "allow": ["push", "delete", "catalog"]}]
    return {"auth": {"htpasswd": htpasswd, "issuer": issuer}, "access": rules}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("access")
    with served(folder / "server", sections(folder), {"workers": 2}) as started:
        yield started


def status(server: Server, head: str) -> int:
    """Of a request that is written by hand; 0 if there is no answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        told = connection.recv(4_096)
    return int(told[9:12]) if told.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize("route", [route for route in NEEDS if route != "token"])
def test_no_spelling_of_a_path_opens_it(route: str, server: Server) -> None:
    """As the bytes arrive, which is not how a client library would send them."""
    case = next(cases(route, "A", NOBODYS))
    path, mark, query = case.target.partition("?")
    for method in ("GET", *sorted(NEEDS[route].keys() - {"GET", "HEAD"})):
        for other in {one for one in variants(path) if one.startswith("/") and not {*" #"} & {*one}}:
            for form in (other, f"http://registry.example{other}") if method == "GET" else (other,):
                told = status(server, f"{method} {form}{mark}{query} HTTP/1.1\r\nHost: a")
                assert told >= 400 or told == 0 or (route == "base" and other.startswith("/?")), (
                    method,
                    form,
                )


def test_of_several_authorizations_the_first_counts(server: Server) -> None:
    good, bad = header(*ADMIN), header("admin", "wrong")
    for path in ("/v2/", "/v2/_catalog", "/auth/token"):
        for first, second, expected in ((good, bad, 200), (bad, good, 401)):
            lines = f"Authorization: {first}\r\nAuthorization: {second}"
            assert status(server, f"GET {path} HTTP/1.1\r\nHost: a\r\n{lines}") == expected


def test_a_user_who_is_gone_is_refused_by_every_worker_at_once(tmp_path: Path) -> None:
    """CVE-2025-23208, CVE-2026-6515: what was taken from a user he kept. Nothing is restarted."""
    with served(tmp_path / "server", sections(tmp_path), {"workers": 2}) as server:
        basic = {"Authorization": header(*ADMIN)}
        token = ask(server, "GET", "/auth/token?scope=registry:catalog:*", headers=basic).json["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        for _ in range(20):
            assert ask(server, "GET", "/v2/_catalog", headers=basic).status == 200
            assert ask(server, "GET", "/v2/_catalog", headers=bearer).status == 200
        (tmp_path / "htpasswd").write_text(line("another", "password"))
        time.sleep(1.2)
        for _ in range(20):
            assert ask(server, "GET", "/v2/_catalog", headers=bearer).status == 401
            assert ask(server, "GET", "/v2/_catalog", headers=basic).status in (401, 429)


@pytest.mark.soak
def test_an_upload_outlasts_its_token(tmp_path: Path) -> None:
    """The shortest life of a token is a minute, and clocks may differ by another."""
    with served(tmp_path / "server", sections(tmp_path, lifetime="1m"), {"workers": 2}) as server:
        basic = {"Authorization": header(*ADMIN)}
        token = ask(server, "GET", "/auth/token?scope=repository:a:pull,push", headers=basic).json["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        location = ask(server, "POST", "/v2/a/blobs/uploads/", headers=bearer).headers["location"]
        deadline = time.monotonic() + 125
        pieces = 0
        while time.monotonic() < deadline:
            answer = ask(server, "PATCH", location, CHUNK, bearer)
            assert answer.status == 202
            location, pieces = answer.headers["location"], pieces + 1
            time.sleep(5)
        assert ask(server, "POST", "/v2/a/blobs/uploads/", headers=bearer).status == 401
        assert ask(server, "PUT", "/v2/a/manifests/a", b"{}", bearer).status == 401
        assert ask(server, "PATCH", location.partition("?")[0], CHUNK, bearer).status == 401
        digest = Digest.of(CHUNK * pieces)
        assert ask(server, "PUT", f"{location}&digest={digest}", b"", bearer).status == 201
