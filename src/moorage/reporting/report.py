"""The content of a report: the exception, and those parts of its request that help to find the cause and are not credentials."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from moorage.api.exchange import Exchange
from moorage.observe import shown
from moorage.observe.redaction import LONGEST

STATUS: Final = 500

_USER: Final = re.compile(r"[^/]*@")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Request:
    """The reported parts of a request.

    `path` is without the query and without what precedes an `@`. `user` is the authenticated user. `address` is the client's, as in the
    access log.
    """

    id: str
    method: str
    path: str
    repository: str
    user: str
    address: str
    agent: str

    @classmethod
    def of(cls, exchange: Exchange) -> Request:
        return cls(
            id=exchange.id,
            method=exchange.method,
            path=_USER.sub("***@", _plain(exchange.scope["path"])),
            repository=_plain(exchange.name),
            user=_plain(exchange.grant.user),
            address=exchange.client,
            agent=_plain(shown.header(exchange.header(b"user-agent"))),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """An error to report.

    `redact` must be applied to the text of every exception. `moment`: seconds since the epoch. `left_out`: how many errors before this
    one were not reported.
    """

    error: Exception
    request: Request
    redact: Callable[[str], str]
    moment: float
    left_out: int = 0


def _plain(text: str) -> str:
    return _CONTROL.sub("", text[:LONGEST])
