"""The access log: one line per request in the Combined Log Format, followed by the duration and the request id."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final

from moorage.observe import shown
from moorage.observe.shown import Scope

_VERSIONS: Final = {"1": "1.0", "2": "2.0"}
"""As other servers write what ours calls by one number."""


def line(
    scope: Scope, status: int, sent: int, seconds: float, request: str, user: str = "", client: str = ""
) -> bytes:
    """The line for a request that has just ended. `sent`: bytes of the body. `user`: the authenticated user. `client`: the client's
    address; if empty, the connection's peer is shown."""
    version = scope["http_version"]
    referer = agent = "-"
    for key, value in scope["headers"]:
        if key == b"user-agent":
            agent = shown.agent(value)
        elif key == b"referer":
            referer = shown.page(value)
    if not client:
        peer = scope.get("client")
        client = shown.address(peer[0] if peer else "") or "-"
    return (
        f"{client} - {shown.name(user)} [{_moment(int(time.time()))}] "
        f'"{scope["method"]} {shown.target(scope)} HTTP/{_VERSIONS.get(version, version)}" {status} {sent} '
        f'"{referer}" "{agent}" {seconds * 1000:.1f}ms {request}\n'.encode("utf-8", "replace")
    )


@lru_cache(maxsize=2)
def _moment(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))
