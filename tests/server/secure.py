"""A server that speaks TLS, and what a client finds of it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from tests.server.issuing import Authority, Issued
from tests.support import forking
from tests.support.server import START_SECONDS, Server, moorage_server

AUTHORITY = Authority()
"""Whom clients of these tests trust."""

CERTIFICATE, KEY = "certificate.pem", "key.pem"


def trusting(
    *, protocols: list[str] | None = None, client: Issued | None = None, folder: Path | None = None
) -> ssl.SSLContext:
    """What a client connects with: it believes AUTHORITY, and has the certificate `client`, written below `folder`."""
    context = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
    if protocols:
        context.set_alpn_protocols(protocols)
    if client is not None:
        assert folder is not None
        client.write(folder / "client.pem", folder / "client-key.pem")
        context.load_cert_chain(folder / "client.pem", folder / "client-key.pem")
    return context


@dataclass
class SecureServer(Server):
    """Waits for its start with TLS. `context` is what clients connect with."""

    context: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    def start(self) -> None:
        process = self.launch()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/v2/") in (200, 401):
                    return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"{self.command} did not start:\n{self.said()}")

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A new connection after its handshake; the caller closes it."""
        chosen = context or self.context or trusting()
        with contextlib.ExitStack() as opened:
            plain = opened.enter_context(socket.create_connection(("127.0.0.1", self.port), 30))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secure = chosen.wrap_socket(plain, server_hostname="localhost")
            opened.pop_all()
        return secure

    def get(self, target: str, context: ssl.SSLContext | None = None) -> int:
        """The status, over a connection of its own and HTTP/1.1."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.connect(context)
        try:
            connection.request("GET", target, headers={"Connection": "close"})
            return connection.getresponse().status
        finally:
            connection.close()

    def serial(self) -> int:
        """That of the certificate which a new connection is shown."""
        with self.connect() as connection:
            shown = connection.getpeercert(binary_form=True)
        assert shown
        return x509.load_der_x509_certificate(shown).serial_number


def secure_server(
    folder: Path, issued: Issued | None = None, *, tls: str = "", extra: str = ""
) -> SecureServer:
    """Not yet started; its certificate and key are in `folder`. `tls` is YAML below `http.tls`, `extra` below `http`."""
    folder.mkdir(parents=True, exist_ok=True)
    (issued or AUTHORITY.issue()).write(folder / CERTIFICATE, folder / KEY)
    files = f"    certificate: {folder / CERTIFICATE}\n    key: {folder / KEY}\n"
    plain = moorage_server(folder, extra=f"{extra}  tls:\n{files}{tls}")
    return SecureServer(plain.command, plain.port, plain.root, plain.log)


def refusal(server: SecureServer) -> str:
    """What a server that cannot start says, which is one line, and how it ends, which is with 1."""
    done = forking.command(*server.command[1:])
    assert done.returncode == 1, f"{done.returncode}: {done.stderr}"
    lines: list[str] = [line for line in done.stderr.splitlines() if "warning:" not in line]
    assert len(lines) == 1, done.stderr
    return lines[0]


@contextlib.contextmanager
def stopped(server: SecureServer) -> Iterator[SecureServer]:
    """Started on entry; at the end stopped (if the test has not done it), without a process left."""
    server.start()
    pids = server.pids()
    try:
        yield server
        if server.process is not None:
            pids = list({*pids, *server.pids()})
        assert server.stop() == 0
    finally:
        server.kill()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
