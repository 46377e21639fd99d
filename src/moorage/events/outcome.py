"""The outcome of one request to an endpoint, described without secrets: without the URL and the listener's own words."""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final

import aiohttp

from moorage import retryafter
from moorage.events.redirects import BadRedirect
from moorage.events.statuses import spelled

_OPENSSL: Final = re.compile(r"\[SSL: ([A-Z0-9_]+)\]")
"""How Python quotes OpenSSL, as in `[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2576)`."""


@dataclass(frozen=True)
class Sent:
    """The outcome of a request.

    `status`: of the response, as in `202 Accepted`; empty if there was none. `reason`: why the events do not count as delivered.
    `wait_seconds`: how long the listener asks to be left alone.
    """

    delivered: bool
    status: str = ""
    reason: str = ""
    wait_seconds: float = 0.0


def answered(status: int, retry_after: str, *, elsewhere: bool) -> Sent:
    """The outcome of a request that got a response. `elsewhere`: it came from another server, to which a redirect led."""
    text = spelled(status)
    if 200 <= status < 400:
        return Sent(True, text)
    reason = f"it answers {text}"
    if elsewhere:
        reason += (
            " after a redirect to another server, which gets none of the configured headers and no signature"
        )
    return Sent(False, text, reason, retryafter.seconds(retry_after, time.time()))


def unanswered(error: Exception) -> Sent:
    return Sent(False, reason=_reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, BadRedirect):
        return str(error)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        return f"its certificate is not trusted: {getattr(cause, 'verify_message', type(cause).__name__)}"
    if failed := _tls(error):
        return f"TLS fails: {failed}"
    if isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(error.__cause__, socket.gaierror):
        return "its name leads to no address"
    if isinstance(error, aiohttp.ServerDisconnectedError) or _closed(error):
        return "it closes the connection without an answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return "what it answers is not HTTP"
    if isinstance(error, aiohttp.InvalidURL):
        return "its URL is not valid, or that of a redirect"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return type(error).__name__


def _tls(error: Exception) -> str:
    """What OpenSSL says, as in `wrong version number` of a listener that speaks no TLS; empty if it was not asked."""
    found = error.__cause__
    if isinstance(found, ssl.SSLError):
        return _words(found.reason or type(found).__name__)
    # What is refused after the handshake reaches aiohttp's writing, which keeps OpenSSL's text and its number 1: that is no errno.
    quoted = _OPENSSL.match(error.strerror or "") if isinstance(error, OSError) else None
    return _words(quoted[1]) if quoted else ""


def _words(reason: str) -> str:
    return reason.lower().replace("_", " ")


def _closed(error: Exception) -> bool:
    """Whether the listener closed the connection while TLS was being agreed on: then asyncio's error has no number."""
    return isinstance(error.__cause__, ConnectionResetError) and not error.__cause__.errno
