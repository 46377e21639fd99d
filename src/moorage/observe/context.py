"""Which request a log line belongs to. Its fields are made only when a line is written, which is rare.

Lines from tasks that a request starts belong to that request until it ends.
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
"""The id of the trace (W3C Trace Context) that this request belongs to; set by `tracing`."""

LONGEST_TEXT: Final = 8192
"""Maximum number of characters of an exception's text."""

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
    """The part of `moorage.api.exchange.Exchange` that is logged. `name` and `reference` are as in the path."""

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
# A list, which `end` empties for all tasks that share it: tasks that outlive the request do not keep it in memory.
_current: ContextVar[list[_Begun] | None] = ContextVar("request", default=None)


def begin(request: Request, address: Callable[[Any], str]) -> None:
    """Begin a request: log lines now belong to it. `address` returns the client's address; it is called when a line is written."""
    _current.set([(request, time.time(), address)])


def end() -> None:
    """End the request that began in this context."""
    if current := _current.get():
        current.clear()


def fields() -> dict[str, Any]:
    """The fields of the current trace and request, named as in the reference implementation; empty without them."""
    found: dict[str, Any] = {}
    # A copy, because another thread may end the request meanwhile.
    for begun in tuple(_current.get() or ()):
        found |= request_fields(*begun)
    if identity := trace.get():
        found["trace.id"] = identity
    return found


def redaction() -> Redaction:
    """A redaction for exception texts that knows the credentials of the current request."""
    begun = tuple(_current.get() or ())
    return Redaction((one for request, *_ in begun for one in secrets(request.scope)), LONGEST_TEXT)


def request_fields(request: Request, started: float, address: Callable[[Any], str]) -> dict[str, Any]:
    """The fields of a request, without empty ones."""
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
            found[name] = shown.page(value) if header == b"referer" else shown.text(value)
            if header == b"host":
                # A client may repeat a whole address there, with the password in it.
                found[name] = found[name].rpartition("@")[2]
    if request.name:
        found["vars.name"] = request.name
    if request.reference:
        kind = scope["path"].rstrip("/").rsplit("/", 2)[-2]
        found[_KINDS.get(kind, "vars.reference")] = request.reference
    if request.grant.user:
        found["auth.user.name"] = request.grant.user
    return found


def stamp(moment: float) -> str:
    """A time in seconds since 1970, as in `2026-11-26T22:36:17.469Z`."""
    whole = int(moment)
    return f"{_second(whole)}.{int((moment - whole) * 1000):03d}Z"


@lru_cache(maxsize=8)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
