"""Which request a line of the log belongs to. Its fields are made when a line is written, which is seldom.

Whatever a request begins, also in tasks of its own, is about that request until it has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

from moorage.observe import shown
from moorage.observe.redaction import Redaction, secrets

trace: ContextVar[str] = ContextVar("trace", default="")
"""The id of the trace (W3C Trace Context) to which this request belongs, for whoever traces to set."""

LONGEST_TEXT: Final = 8192
"""Characters of what an exception says."""

_KINDS: Final = {
    "manifests": "vars.reference",
    "blobs": "vars.digest",
    "referrers": "vars.digest",
    "uploads": "vars.uuid",
}


_HEADERS: Final = {
    b"host": "http.request.host",
    b"user-agent": "http.request.useragent",
    b"referer": "http.request.referer",
    b"content-type": "http.request.contenttype",
}


class Client(Protocol):
    @property
    def user(self) -> str: ...


class Request(Protocol):
    """What is told of: `moorage.api.exchange.Exchange`. `name` and `reference` as they stand in the path."""

    @property
    def scope(self) -> Mapping[str, Any]: ...
    @property
    def id(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def grant(self) -> Client: ...


_Begun: TypeAlias = tuple[Request, float, Callable[[Any], str]]
# A list, which the end of the request empties for all who have it: tasks that go on keep no request in memory.
_current: ContextVar[list[_Begun] | None] = ContextVar("request", default=None)


def begin(request: Request, address: Callable[[Any], str]) -> None:
    """From now on lines are about this request. `address` is asked for the client's when a line is written."""
    _current.set([(request, time.time(), address)])


def end() -> None:
    """The request that began here is over."""
    if current := _current.get():
        current.clear()


def fields() -> dict[str, Any]:
    """Of the trace and the request that are on: none, or those of the reference implementation."""
    found: dict[str, Any] = {}
    # Another thread may end the request meanwhile.
    for begun in tuple(_current.get() or ()):
        found |= request_fields(*begun)
    if identity := trace.get():
        found["trace.id"] = identity
    return found


def redaction() -> Redaction:
    """For texts that exceptions wrote: knows what the client of the request that is on sent to be let in."""
    begun = tuple(_current.get() or ())
    return Redaction((one for request, *_ in begun for one in secrets(request.scope)), LONGEST_TEXT)


def request_fields(request: Request, started: float, address: Callable[[Any], str]) -> dict[str, Any]:
    """Those that are empty are left out."""
    scope = request.scope
    found: dict[str, Any] = {
        "http.request.id": request.id,
        "http.request.method": request.method,
        "http.request.uri": shown.target(scope),
        "http.request.remoteaddr": address(request),
        "http.request.startedat": stamp(started),
    }
    for header, value in scope["headers"]:
        if (name := _HEADERS.get(header)) and name not in found:
            found[name] = (
                shown.page(value) if header == b"referer" else value[: shown.LONGEST].decode("latin-1")
            )
    if request.name:
        found["vars.name"] = request.name
    if request.reference:
        kind = scope["path"].rstrip("/").rsplit("/", 2)[-2]
        found[_KINDS.get(kind, "vars.reference")] = request.reference
    if request.grant.user:
        found["auth.user.name"] = request.grant.user
    return found


def stamp(moment: float) -> str:
    """`2026-11-26T22:36:17.469Z` of seconds since 1970."""
    whole = int(moment)
    return f"{_second(whole)}.{int((moment - whole) * 1000):03d}Z"


@lru_cache(maxsize=8)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
