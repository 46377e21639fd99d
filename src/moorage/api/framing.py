"""Heads that two readers could understand in two ways, of which a proxy before the registry may be one (RFC 9112, sections 3.2, 6.1)."""

from __future__ import annotations

from moorage.api.exchange import Exchange
from moorage.errors import HeadInvalid


def check(exchange: Exchange) -> None:
    """Raises HeadInvalid. The server itself refuses what it cannot frame, and several lengths. A Content-Length beside a
    Transfer-Encoding it leaves out, and closes the connection after the answer."""
    coding = exchange.combined(b"transfer-encoding")
    if coding is not None and coding.strip().lower() != "chunked":
        # RFC 9112 has 501 for it, which proxies would take for a fault of the registry.
        raise HeadInvalid("of the transfer codings, only chunked is supported")
    # Granian adds an empty one where there is none.
    if exchange.scope["http_version"] == "1.1" and not (
        exchange.header(b"host") and exchange.count(b"host") == 1
    ):
        raise HeadInvalid("the request needs exactly one Host header")
