"""Sends one mail, encrypted if the server offers it. Unless `insecure`, a password needs an encrypted or local connection."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from typing import Final

SECONDS: Final = 10.0
"""How long the server may be silent."""
IMPLICIT_TLS: Final = 465


class Unencrypted(Exception):
    """The password would be sent over an unencrypted connection."""


@dataclass(frozen=True)
class Postbox:
    """A mail server, sender and receivers. `insecure`: accept any certificate, and send the password even unencrypted."""

    host: str
    port: int
    sender: str
    receivers: Sequence[str]
    username: str = ""
    password: str = field(default="", repr=False)
    insecure: bool = False

    def send(self, subject: str, text: str) -> None:
        """Send a mail. Raises OSError (including smtplib's errors), Unencrypted, and ValueError for an invalid address."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = ", ".join(self.receivers)
        message["Subject"] = subject
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = make_msgid(domain=socket.gethostname())
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        server = self._connected()
        try:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=self._tls())
            if self.username:
                self._sign_in(server)
            server.send_message(message)
            with contextlib.suppress(OSError):
                # The server has accepted the mail, whatever it answers now.
                server.quit()
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        name = socket.gethostname()
        if self.port == IMPLICIT_TLS:
            return smtplib.SMTP_SSL(self.host, self.port, name, timeout=SECONDS, context=self._tls())
        return smtplib.SMTP(self.host, self.port, name, timeout=SECONDS)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _sign_in(self, server: smtplib.SMTP) -> None:
        encrypted = isinstance(server.sock, ssl.SSLSocket)
        if not (encrypted or self.insecure or _is_here(self.host)):
            raise Unencrypted("the mail server does not offer TLS, and would get the password unencrypted")
        server.login(self.username, self.password)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
