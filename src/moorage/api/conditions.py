"""Conditional requests: the entity tag is the quoted digest of the content (RFC 9110, section 13)."""

from __future__ import annotations

from moorage.api.exchange import Exchange
from moorage.digest import Digest
from moorage.errors import PreconditionFailed


def unchanged(exchange: Exchange, digest: Digest) -> bool:
    """Whether If-None-Match names the content that would be sent. A digest without quotes counts: clients send it so."""
    header = exchange.combined(b"if-none-match")
    if header is None:
        return False
    return header.strip() == "*" or digest in (
        _opaque(tag.strip().removeprefix("W/")) for tag in header.split(",")
    )


def check_precondition(exchange: Exchange, digest: Digest) -> None:
    """Raises PreconditionFailed when If-Match does not name the content that would be sent. A weak tag never does (section
    13.1.1)."""
    header = exchange.combined(b"if-match")
    if header is not None and header.strip() != "*" and digest not in map(_opaque, header.split(",")):
        raise PreconditionFailed


def guarded(exchange: Exchange) -> bool:
    """Whether a write depends on what is there. If not, that need not be looked up."""
    return exchange.header(b"if-match") is not None or exchange.header(b"if-none-match") is not None


def check_write(exchange: Exchange, digest: Digest | None) -> None:
    """Raises PreconditionFailed when the content that would be replaced or removed (None: there is none) is not what If-Match
    and If-None-Match permit."""
    if digest is not None:
        check_precondition(exchange, digest)
        if unchanged(exchange, digest):
            raise PreconditionFailed("there is content already, which If-None-Match does not permit")
    elif exchange.header(b"if-match") is not None:
        raise PreconditionFailed("there is no content that If-Match could name")


def ranges_apply(exchange: Exchange, digest: Digest) -> bool:
    """Whether a Range header is to be honoured: no If-Range, or one that names this very content."""
    header = exchange.header(b"if-range")
    return header is None or _opaque(header) == digest


def _opaque(tag: str) -> str:
    """The content of an entity tag; that of a weak one keeps its `W/`, and so equals no digest."""
    return tag.strip().strip('"')
