"""Conditional requests on immutable content: the entity tag is the quoted digest (RFC 9110, section 13)."""

from __future__ import annotations

from moorage.api.exchange import Exchange
from moorage.digest import Digest
from moorage.errors import PreconditionFailed


def unchanged(exchange: Exchange, digest: Digest) -> bool:
    """Whether If-None-Match names what we would send. A bare digest counts: clients send it so."""
    header = exchange.header(b"if-none-match")
    if header is None:
        return False
    return header.strip() == "*" or digest in (_bare(tag) for tag in header.split(","))


def check_precondition(exchange: Exchange, digest: Digest) -> None:
    """Raises PreconditionFailed when If-Match names something else than what we would send."""
    header = exchange.header(b"if-match")
    if header is not None and header.strip() != "*" and digest not in map(_bare, header.split(",")):
        raise PreconditionFailed


def ranges_apply(exchange: Exchange, digest: Digest) -> bool:
    """Whether a Range header is to be honoured: no If-Range, or one that names this very content."""
    header = exchange.header(b"if-range")
    return header is None or (not header.startswith("W/") and _bare(header) == digest)


def _bare(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"')
