"""What became of one request to an endpoint, in words that say nothing secret: not the URL, not what was answered."""

from __future__ import annotations

import http
import os
import time
from dataclasses import dataclass

import aiohttp

from moorage import retryafter
from moorage.events.redirects import BadRedirect


@dataclass(frozen=True)
class Sent:
    """`status`: of the answer, as in `202 Accepted`; empty if none came. `reason`: why the events do not count as delivered.
    `wait_seconds`: for how long the listener asks to be left alone."""

    delivered: bool
    status: str = ""
    reason: str = ""
    wait_seconds: float = 0.0


def answered(status: int, retry_after: str, *, elsewhere: bool) -> Sent:
    """`elsewhere`: it was another server that answered, to which a redirect led."""
    text = f"{status} {_phrase(status)}".rstrip()
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


def _phrase(status: int) -> str:
    """The listener's own words could be anything, and each would be counted by itself."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _reason(error: Exception) -> str:
    if isinstance(error, BadRedirect):
        return str(error)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        return f"its certificate is not trusted: {getattr(cause, 'verify_message', type(cause).__name__)}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name leads to no address"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closes the connection without an answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return "what it answers is not HTTP"
    if isinstance(error, aiohttp.InvalidURL):
        return "its URL is not valid, or that of a redirect"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return type(error).__name__
