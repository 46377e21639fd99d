"""Preflight requests, which a browser sends before a request of another site's page (Fetch standard, "CORS protocol").

They are answered if `http.headers` has an Access-Control-Allow-Origin, and without authentication, because a browser sends no
credentials with them.
"""

from __future__ import annotations

from collections.abc import Iterable

from moorage.api.answer import Answer, RawHeaders

_REQUEST_HEADERS = (
    b"Accept, Authorization, Cache-Control, Content-Range, Content-Type, If-Match, If-None-Match, Range"
)


def allowed(configured: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"access-control-allow-origin" for name, _ in configured)


def answer(methods: str, configured: RawHeaders) -> Answer:
    """A 204 with the headers that are not configured; the configured ones are added to every answer."""
    names = {name for name, _ in configured}
    headers: RawHeaders = [(b"allow", methods.encode())]
    if b"access-control-allow-methods" not in names:
        headers.append((b"access-control-allow-methods", methods.encode()))
    if b"access-control-allow-headers" not in names:
        headers.append((b"access-control-allow-headers", _REQUEST_HEADERS))
    return Answer(204, headers)
