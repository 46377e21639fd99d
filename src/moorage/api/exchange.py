"""One request on its way to an answer, with the parts of the registry that handle it."""

from __future__ import annotations

import itertools
import os
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from moorage.api.body import Body
from moorage.api.proxies import TELLING, client_address
from moorage.auth.base import OPEN
from moorage.errors import HeaderTooLarge, QueryInvalid
from moorage.store.repository import Repository

if TYPE_CHECKING:
    from moorage.api.routes import Route
    from moorage.api.service import Service

QUERY_LIMIT = 8192
PARAMETER_LIMIT = 100


_COUNTER = itertools.count(1)
_PROCESS = ""


def name_process() -> None:
    """Give this process its own prefix of request ids; otherwise a forked worker shares that of its parent."""
    global _PROCESS
    _PROCESS = secrets.token_hex(4)


name_process()
os.register_at_fork(after_in_child=name_process)


class Exchange:
    """A request, parsed once from the server's decoded path; the Host header has no influence.

    `grant`: who the client is, and what it may do. `uploading`: whether the request belongs to an upload that has begun.
    `mounted`: whether the answer is a mounted blob instead of a new upload. `route`: None for a path outside the API."""

    # fmt: off
    __slots__ = (
        "_body", "_headers", "_id", "_query",
        "grant", "method", "mounted", "name", "receive", "reference", "route", "scope", "service", "uploading",
    )
    # fmt: on

    def __init__(self, scope: Scope, receive: Receive, service: Service, name: str, reference: str) -> None:
        self.scope = scope
        self.receive = receive
        self.service = service
        self.method: str = scope["method"]
        # Of several headers with the same name, the first counts.
        self._headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self.name = name
        self.reference = reference
        self.grant = OPEN
        self.uploading = False
        self.mounted = False
        self.route: Route | None = None
        self._query: list[tuple[str, str]] | None = None
        self._id = ""
        self._body: Body | None = None

    @property
    def body(self) -> Body:
        if self._body is None:
            self._body = Body(self.receive, self.service.limits)
        return self._body

    @property
    def received(self) -> int:
        """Bytes of the request's body so far."""
        return self._body.received if self._body is not None else 0

    @property
    def client(self) -> str:
        """The client's address, seen through the proxies that are trusted to vouch for it; empty when unknown."""
        return client_address(self.scope, self.service.locations.vouching)

    @property
    def forwarded(self) -> bool:
        """Whether a header names a client behind the peer of the connection."""
        return not TELLING.isdisjoint(self._headers)

    @property
    def header_bytes(self) -> int:
        return sum([len(value) for _, value in self.scope["headers"]])

    @property
    def multiplexed(self) -> bool:
        """Whether the connection may have other requests beside this one: HTTP/2."""
        return bool(self.scope["http_version"] == "2")

    @property
    def unread(self) -> bool:
        """Whether the request may have a body that has not been read to its end. Over HTTP/2 no header needs to tell of a body:
        only receiving does (RFC 9113, section 8.1.1)."""
        if self._body is not None:
            return not self._body.finished
        if self.multiplexed:
            return True
        return b"transfer-encoding" in self._headers or self._headers.get(b"content-length", b"0") != b"0"

    @property
    def content_length(self) -> int | None:
        text = self.header(b"content-length")
        return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None

    async def without_body(self) -> bool:
        """Whether the request has no body. Over HTTP/2 that may show only when it is waited for. Raises what its iteration raises."""
        if self.content_length is not None:
            return self.content_length == 0
        if self.multiplexed:
            return not await self.body.begins()
        return b"transfer-encoding" not in self._headers

    @property
    def id(self) -> str:
        """The client's X-Request-Id if it is short and plain, else a unique id."""
        if not self._id:
            given = self.header(b"x-request-id") or ""
            plain = 0 < len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum()
            self._id = given if plain else f"{_PROCESS}{next(_COUNTER):08x}"
        return self._id

    @property
    def repository(self) -> Repository:
        """Raises NameInvalid."""
        return self.service.registry.repository(self.name)

    def header(self, name: bytes) -> str | None:
        """The first header with that lower-case name."""
        value = self._headers.get(name)
        return None if value is None else str(value, "latin-1")

    def count(self, name: bytes) -> int:
        """How many headers have that lower-case name."""
        given = self.scope["headers"]
        if len(self._headers) == len(given):
            return int(name in self._headers)
        return sum(key == name for key, _ in given)

    def combined(self, name: bytes) -> str | None:
        """All headers with that lower-case name as one list (RFC 9110, section 5.3)."""
        if name not in self._headers:
            return None
        return ", ".join([str(value, "latin-1") for key, value in self.scope["headers"] if key == name])

    def parameters(self, name: str) -> list[str]:
        """All values of a query parameter. Raises HeaderTooLarge, and QueryInvalid for a malformed query."""
        if self._query is None:
            self.parse_query()
        return [value for key, value in self._query or () if key == name]

    def parse_query(self, longest: int = QUERY_LIMIT, most: int = PARAMETER_LIMIT) -> None:
        """Parse a query of at most `longest` bytes and `most` parameters. A route with limits of its own calls this before it
        asks for a parameter. Raises HeaderTooLarge and QueryInvalid."""
        raw = self.scope["query_string"]
        if len(raw) > longest:
            raise HeaderTooLarge(f"the query is longer than {longest} bytes")
        if raw.count(b"&") >= most:
            raise QueryInvalid(f"the query has more than {most} parameters")
        try:
            self._query = parse_qsl(raw.decode("ascii"), keep_blank_values=True)
        except ValueError:
            raise QueryInvalid from None

    def parameter(self, name: str) -> str | None:
        values = self.parameters(name)
        return values[0] if values else None
