"""Authorities that answer with something else: limits, pages, nonsense. They are HTTP servers of the test."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from moorage.letsencrypt import CertificateError, Certificates
from tests.support.ports import free_port
from tests.support.threaded import ThreadedServer

HOST = "registry.example.com"


@contextlib.contextmanager
def answering(status: int, body: bytes, headers: Mapping[str, str]) -> Iterator[str]:
    """A server that answers any request like that; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadedServer(Handler).serving() as server:
        yield f"{server.endpoint}/dir"


def ask(cache: Path, url: str) -> CertificateError:
    with pytest.raises(CertificateError) as raised:
        Certificates(cache, [HOST], None, url, f"127.0.0.1:{free_port()}").ensure()
    return raised.value


def problem(code: str, detail: str) -> bytes:
    return json.dumps({"type": f"urn:ietf:params:acme:error:{code}", "detail": detail}).encode()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_limit_is_told_and_the_time_that_the_authority_names_is_kept(tmp_path: Path, form: str) -> None:
    wait = "7200" if form == "seconds" else formatdate(time.time() + 7200, usegmt=True)
    headers = {"Retry-After": wait, "Content-Type": "application/problem+json"}
    with answering(429, problem("rateLimited", "too many certificates for example.com"), headers) as url:
        error = ask(tmp_path, url)
        again = ask(tmp_path, url)
    assert "too many certificates for example.com" in str(error)
    assert 7100 < error.wait <= 7200 * 1.1
    assert "not asked again before" in str(again)


def test_terms_that_changed_are_told_with_a_way_out(tmp_path: Path) -> None:
    said = problem("userActionRequired", "agree to the new terms at https://ca.example/terms")
    with answering(403, said, {"Content-Type": "application/problem+json"}) as url:
        error = ask(tmp_path, url)
    assert "agree to the new terms at https://ca.example/terms; agree where it says" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (503, b"<h1>Maintenance</h1>", "HTTP status 503"),
        (200, b"<h1>Welcome to the hotel</h1>", "does not speak ACME"),
        (200, b"[]", "does not speak ACME"),
        (200, b"{}", "does not speak ACME"),
        (200, b'{"meta": 7}', "does not speak ACME"),
        (400, b'{"type": 7, "subproblems": "x"}', "does not speak ACME|refuses"),
    ],
)
def test_an_authority_that_speaks_something_else_is_named(
    tmp_path: Path, status: int, body: bytes, words: str
) -> None:
    with answering(status, body, {"Retry-After": "60"}) as url:
        error = ask(tmp_path, url)
    assert str(error).startswith(url)
    assert [word for word in words.split("|") if word in str(error)]


def test_what_an_authority_says_stays_on_one_line_and_ends(tmp_path: Path) -> None:
    said = problem("unauthorized", "line\nline\r\x1b[31mred" + "x" * 10_000)
    with answering(403, said, {}) as url:
        error = ask(tmp_path, url)
        again = ask(tmp_path, url)
    assert str(error).isprintable()
    assert "line line ?[31mred" in str(error)
    assert len(str(error)) < 1000
    assert str(again).endswith(f"remove {tmp_path / HOST}+refused)")


def test_a_missing_library_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['acme'] = None\n"
        "from pathlib import Path\n"
        "from moorage.letsencrypt import Certificates\n"
        "Certificates(Path(sys.argv[1]), ['registry.example.com']).ensure()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert "acme is not installed: pip install 'moorage[letsencrypt]'" in done.stderr.splitlines()[-1]
