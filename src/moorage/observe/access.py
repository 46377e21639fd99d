"""The access log: one line per request on stdout in the Combined Log Format, with the request id at its end."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Scope = Mapping[str, Any]
"""What ASGI tells of a request."""

STDOUT = 1
_WORD = r"(?:[A-Za-z0-9._/:+,*()-]|%2[0CFcf]|%3[Aa])*"
_KNOWN = re.compile(
    r"n=[0-9]{0,20}|(?:mount|digest)=sha(?:256|512)(?::|%3[Aa])[0-9a-f]{0,128}|offline_token=(?:true|false)|"
    rf"(?:last|from|tag|artifactType|digest-algorithm|service|scope|account|client_id)={_WORD}"
)
_USER = re.compile(r"(?<=//)[^/?#]*@")
_QUERY = re.compile(r"([?#]).*")
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), 34, 92, *range(127, 160))}


def write(scope: Scope, status: int, sent: int, seconds: float, request: str, user: str = "") -> None:
    """`sent` is the bytes of body, `user` who signed in. A line is written whole, at once, so that workers do not mix theirs."""
    referer = agent = "-"
    for key, value in scope["headers"]:
        if key == b"user-agent":
            agent = _plain(value)
        elif key == b"referer":
            referer = _page(_plain(value))
    client = scope.get("client")
    line = (
        f"{client[0] if client and client[0] else '-'} - {_name(user)} [{_moment(int(time.time()))}] "
        f'"{scope["method"]} {_target(scope)} HTTP/{scope["http_version"]}" {status} {sent} '
        f'"{referer}" "{agent}" {seconds * 1000:.1f}ms {request}\n'
    )
    try:
        os.write(STDOUT, line.encode("utf-8", "replace"))
    except OSError:
        # A log that nobody reads any more must not fail the request.
        return


@lru_cache(maxsize=2)
def _moment(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))


def _target(scope: Scope) -> str:
    query = scope["query_string"]
    path = _plain(scope.get("raw_path") or scope["path"].encode())
    return f"{path}?{'&'.join(map(_parameter, _plain(query).split('&')))}" if query else path


def _parameter(text: str) -> str:
    """Clients that are confused put passwords and tokens there, and the state of an upload authorises its next request. So only what
    has the form of what the API knows is shown."""
    if not text or _KNOWN.fullmatch(text):
        return text
    return "_state=***" if text.startswith("_state=") else "***"


def _page(address: str) -> str:
    """Without what may be secret in an address."""
    return _QUERY.sub(r"\1***", _USER.sub("***@", address))


def _name(user: str) -> str:
    """One word: a blank would move the fields behind it."""
    return _plain(user.replace(" ", "_").encode()) if user else "-"


def _plain(raw: bytes) -> str:
    return raw[:2048].decode("latin-1").translate(_ESCAPED)
