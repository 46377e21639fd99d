"""Services that collect errors, on loopback ports: they keep what arrives, and answer well or badly."""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from tests.server.issuing import Authority
from tests.support.threaded import ThreadedServer

WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Received:
    """`path` with its query, `body` as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> bytes:
        """The body, unpacked."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def envelope(self) -> list[Any]:
        """The lines of Sentry's: about the envelope, about the item, the item."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def method(self) -> str:
        """New Relic's name of what is asked for."""
        return parse_qs(urlsplit(self.path).query)["method"][0]


Reply: TypeAlias = Callable[[Received], "bytes | int | str | None"]
"""The body of a 200, another status, `hang`, or `garbage`."""


def fine(_: Received) -> bytes:
    return b"{}"


@dataclass
class Collector:
    port: int
    reply: Reply
    received: list[Received] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self.port}/42"

    def wait(self, count: int = 1, method: str = "") -> list[Received]:
        """Once so many have come; of one of New Relic's methods if it is named."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = [one for one in self.received if not method or one.method == method]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {count} arrived"
            time.sleep(0.01)


@contextlib.contextmanager
def collector(reply: Reply = fine, context: ssl.SSLContext | None = None) -> Iterator[Collector]:
    """Serves while the context lasts; by TLS with a context for that."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            one = Received(self.path, headers, body)
            serving.received.append(one)
            self.close_connection = True
            self._answer(serving.reply(one))

        def _answer(self, answer: bytes | int | str | None) -> None:
            if answer == "hang":
                serving.ended.wait(WAIT_SECONDS)
            elif answer == "garbage":
                self.wfile.write(b"\x00\xff\xfe this is not HTTP\r\n\r\n")
            elif isinstance(answer, int):
                self.send_response(answer)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
            elif isinstance(answer, bytes):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadedServer(Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = Collector(server.server_port, reply)
    with server.serving():
        try:
            yield serving
        finally:
            serving.ended.set()


def new_relic(received: Received) -> bytes:
    """What the collector of New Relic answers to an agent that it knows."""
    answers: dict[str, Any] = {
        "preconnect": {"redirect_host": "localhost"},
        "connect": {"agent_run_id": "7", "collect_errors": True, "collect_error_events": True},
        "agent_settings": [],
    }
    return json.dumps({"return_value": answers.get(received.method)}).encode()


@contextlib.contextmanager
def new_relic_collector(folder: Path, reply: Reply = new_relic) -> Iterator[tuple[Collector, dict[str, str]]]:
    """With the variables by which the library finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, certificate, key = Authority(), folder / "certificate.pem", folder / "key.pem"
    authority.issue().write(certificate, key)
    bundle = folder / "authority.pem"
    bundle.write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with collector(reply, context) as serving:
        yield (
            serving,
            {
                "NEW_RELIC_HOST": "localhost",
                "NEW_RELIC_PORT": str(serving.port),
                "NEW_RELIC_CA_BUNDLE_PATH": str(bundle),
            },
        )
