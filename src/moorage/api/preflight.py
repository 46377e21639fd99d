"""What a browser asks before it sends a request of another site's page (Fetch standard, "CORS protocol").

Answered where `http.headers` has an Access-Control-Allow-Origin, and without authentication: a browser sends no
credentials with such a question.
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
    """204; the configured headers are added to every answer anyway, so here is only what they leave out."""
    names = {name for name, _ in configured}
    headers: RawHeaders = [(b"allow", methods.encode())]
    if b"access-control-allow-methods" not in names:
        headers.append((b"access-control-allow-methods", methods.encode()))
    if b"access-control-allow-headers" not in names:
        headers.append((b"access-control-allow-headers", _REQUEST_HEADERS))
    return Answer(204, headers)
