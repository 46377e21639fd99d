"""Mail servers on loopback: one that takes what it gets and remembers it, one that never says a word."""

from __future__ import annotations

import contextlib
import email
import email.policy
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from tests.server.issuing import Authority
from tests.support.ports import free_port

WAIT_SECONDS = 30.0
PLAIN_AUTH = "Requiring AUTH while not requiring TLS"
"""What aiosmtpd warns of."""


@dataclass(frozen=True)
class Mail:
    """`encrypted`: came over TLS. `user`: who signed in, empty for nobody."""

    message: EmailMessage
    sender: str
    receivers: list[str]
    encrypted: bool
    user: str

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """`signed_in`: users and passwords that were sent, whatever became of them."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    signed_in: list[tuple[str, str]] = field(default_factory=list)
    password: str = ""

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's word
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        user = session.auth_data.login.decode() if session.auth_data else ""
        self.mails.append(
            Mail(message, envelope.mail_from or "", envelope.rcpt_tos, session.ssl is not None, user)
        )
        return "250 taken"

    def authenticate(self, _: Any, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.signed_in.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password.decode() == self.password, handled=False, auth_data=given)

    def wait_for(self, count: int) -> list[Mail]:
        """As soon as there are so many mails."""
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self.mails) < count:
            assert time.monotonic() < deadline, f"{len(self.mails)} mails instead of {count}"
            time.sleep(0.02)
        return self.mails


@contextlib.contextmanager
def mail_server(
    port: int = 0, *, tls: ssl.SSLContext | None = None, password: str = "", plain_auth: bool = False
) -> Iterator[MailServer]:
    """`tls`: STARTTLS is offered. `password`: whoever sends mail has to sign in with it, over TLS unless `plain_auth`."""
    server = MailServer(port or free_port(), password=password)
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        tls_context=tls,
        authenticator=server.authenticate if password else None,
        auth_required=bool(password),
        auth_require_tls=not plain_auth,
        ready_timeout=WAIT_SECONDS,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def server_context(authority: Authority, folder: Path) -> ssl.SSLContext:
    """Of a certificate for localhost and 127.0.0.1."""
    authority.issue().write(folder / "mail.pem", folder / "mail-key.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "mail.pem", folder / "mail-key.pem")
    return context


@contextlib.contextmanager
def silent_server() -> Iterator[tuple[int, threading.Event]]:
    """Its port, and what is set once somebody has connected."""
    connected, connections = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connections.append(listener.accept()[0])
                    connected.set()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1], connected
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                connection.close()
