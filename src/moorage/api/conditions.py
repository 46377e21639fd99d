"""Conditional requests on immutable content: the entity tag is the quoted digest (RFC 9110, section 13)."""

from __future__ import annotations

from moorage.api.exchange import Exchange
from moorage.digest import Digest


def unchanged(exchange: Exchange, digest: Digest) -> bool:
    """Whether If-None-Match names what we would send. A bare digest counts: clients send it so."""
    header = exchange.header(b"if-none-match")
    if header is None:
        return False
    return header.strip() == "*" or digest in (_bare(tag) for tag in header.split(","))


def ranges_apply(exchange: Exchange, digest: Digest) -> bool:
    """Whether a Range header is to be honoured: no If-Range, or one that names this very content."""
    header = exchange.header(b"if-range")
    return header is None or (not header.startswith("W/") and _bare(header) == digest)


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')
