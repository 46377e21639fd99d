"""What is told of an error: the exception, and of its request what helps to find the cause and lets nobody in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from moorage.api.exchange import Exchange
from moorage.auth import basic

LONGEST: Final = 1000
"""Characters of a text that a client or an exception wrote."""
STATUS: Final = 500

_USER: Final = re.compile(r"[^/]*@")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HARMLESS: Final = frozenset(
    {
        *("n", "last", "mount", "from", "digest", "digest-algorithm", "tag", "artifactType"),
        *("service", "scope", "account", "client_id", "offline_token"),
    }
)
"""Parameters that authorise nobody."""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` has no query, and nothing before an `@`; `user` signed in; `address` is the one of the access log."""

    id: str
    method: str
    path: str
    repository: str
    user: str
    address: str
    agent: str

    @classmethod
    def of(cls, exchange: Exchange) -> Request:
        client = exchange.scope.get("client")
        return cls(
            id=exchange.id,
            method=exchange.method,
            path=_USER.sub("***@", _plain(exchange.scope["path"])),
            repository=_plain(exchange.name),
            user=_plain(exchange.grant.user),
            address=client[0] if client and client[0] else "",
            agent=_plain(exchange.header(b"user-agent") or ""),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """`moment` in seconds since the epoch; `left_out`: errors before this one that were not reported; `redact` is for every text
    that an exception wrote."""

    error: Exception
    request: Request
    redact: Callable[[str], str]
    moment: float
    left_out: int = 0


def secrets(exchange: Exchange) -> Iterator[str]:
    """What a client sent to be let in, in each form in which an exception may repeat it."""
    for name, value in exchange.scope["headers"]:
        text = str(value, "latin-1")
        if name in (b"authorization", b"proxy-authorization"):
            yield text.partition(" ")[2] or text
            yield from _password(text)
        elif name == b"cookie":
            yield from (pair.partition("=")[2] for pair in text.split(";"))
    yield from _parameters(str(exchange.scope["query_string"], "latin-1"))


def _password(authorization: str) -> Iterator[str]:
    try:
        login = basic.parse(authorization)
    except ValueError:
        return
    if login is not None:
        yield login.password


def _parameters(query: str) -> Iterator[str]:
    yield from (value for key, value in parse_qsl(query[:LONGEST]) if key not in _HARMLESS)


def _plain(text: str) -> str:
    return _CONTROL.sub("", text[:LONGEST])
