"""A web site that answers as it is told, in a thread of the test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.threaded import ThreadedServer


@dataclass
class Site:
    """`asked`: method, path and headers (names in lower case) of each request. A `location` is sent along."""

    port: int = 0
    status: int = 200
    location: str = ""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            # Read once: the test may tell it something else meanwhile.
            status = 200 if self.path == "/end" else site.status
            headers = {key.lower(): value for key, value in self.headers.items()}
            site.asked.append((self.command, self.path, headers))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", site.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET = answer  # noqa: N815 - named by the library

        def log_message(self, *_: object) -> None:
            return

    with ThreadedServer(Handler, port).serving() as server:
        site.port = server.server_port
        yield site
