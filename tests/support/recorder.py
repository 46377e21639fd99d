"""A proxy on loopback that passes bytes through untouched and notes each request line.

It tells what a client really asked a registry for, without trusting either one's log.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

# A request line can be split over two reads, so it is looked for in the last bytes of the read before as well.
REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[^ \r\n]{0,4000}) HTTP/1\.1\r\n")
OVERLAP = 5000


class Recorder:
    """Listens on a free port while started; `requests` holds (method, target) in order of arrival."""

    def __init__(self, upstream: str) -> None:
        host, port = upstream.split(":")
        self.upstream = (host, int(port))
        self.requests: list[tuple[str, str]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.upstream) as server:
            answers = threading.Thread(target=copy, args=(server, client), daemon=True)
            answers.start()
            self.forward(client, server)
            answers.join()

    def forward(self, client: socket.socket, server: socket.socket) -> None:
        seen = b""
        for data in chunks(client, server):
            seen += data
            end = 0
            for match in REQUEST.finditer(seen):
                self.requests.append((match[1].decode(), match[2].decode()))
                end = match.end()
            seen = seen[max(end, len(seen) - OVERLAP) :]

    def uploads(self) -> list[tuple[str, str]]:
        """The requests that carry blob content, or open a session for it."""
        return [
            (method, target)
            for method, target in self.requests
            if "/blobs/uploads/" in target and method in ("POST", "PATCH", "PUT")
        ]


def copy(source: socket.socket, target: socket.socket) -> None:
    for _ in chunks(source, target):
        pass


def chunks(source: socket.socket, target: socket.socket) -> Iterator[bytes]:
    """Passes on what `source` sends until it ends, yielding each part before it is sent."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            yield data
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def recording(upstream: str) -> Iterator[Recorder]:
    """A recorder in front of the registry at `upstream` (host:port)."""
    recorder = Recorder(upstream)
    thread = threading.Thread(target=recorder.accept, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            recorder.listener.shutdown(socket.SHUT_RDWR)
        recorder.listener.close()
        thread.join(5)
