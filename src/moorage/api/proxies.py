"""The client's address, seen through the proxies that the configuration trusts.

Every proxy appends the address of its own peer to a header: `X-Forwarded-For`, or `for=` in `Forwarded` (RFC 7239, section 5.2).
Addresses further to the left were added further away. A proxy that keeps no chain may send a single address as `X-Real-IP`, which
counts if neither of the others is present.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Self

from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REMEMBERED: Final = 4096
"""Addresses whose parsing is remembered."""
LONGEST: Final = 128
"""The longest address in characters, with a port and the name of an interface."""
TELLING: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})
"""Headers in which proxies name their peer."""


class Networks(tuple[Network, ...]):
    """Networks with a cached hash, as each request looks them up in a cache."""

    _hash: int

    def __new__(cls, networks: Iterable[Network] = ()) -> Self:
        made = super().__new__(cls, networks)
        made._hash = hash(tuple(made))
        return made

    def __hash__(self) -> int:
        return self._hash


def trusted_peer(scope: Scope, trusted: tuple[Network, ...]) -> bool:
    """Whether the peer of this connection may set the headers of proxies."""
    client = scope.get("client")
    # A unix socket has no address: every process that may open it is trusted.
    return client is None or not client[0] or _within(client[0], trusted)


def client_address(scope: Scope, trusted: tuple[Network, ...]) -> str:
    """The nearest address that does not belong to a trusted proxy, else that of the furthest proxy; empty when unknown.

    The address has no port and no brackets, and mapped IPv4 becomes plain IPv4. A chain ends at the first hop that is not an
    address. A proxy that appends to one of the two headers passes on the other as the client wrote it, so if both are present
    and disagree, neither is believed.
    """
    peer = (scope.get("client") or ("",))[0]
    told = [header for header in scope["headers"] if header[0] in TELLING]
    if not told:
        return _address(peer) or ""
    forwarded, listed = _joined(told, b"forwarded"), _joined(told, b"x-forwarded-for")
    if not forwarded and not listed:
        # A single address, of a proxy that keeps no chain.
        listed = _joined(told, b"x-real-ip")
    # Long headers are not remembered: a client could fill the memory with them.
    look = _seen if len(forwarded) + len(listed) <= 4 * LONGEST else _seen.__wrapped__
    return look(peer, trusted, forwarded, listed)


@lru_cache(maxsize=REMEMBERED)
def _seen(peer: str, trusted: tuple[Network, ...], forwarded: str, listed: str) -> str:
    address = _address(peer) or ""
    if peer and not _within(peer, trusted):
        return address
    found = {
        _furthest(hops, address, trusted) for hops in (_forwarded(forwarded), listed.split(",")) if any(hops)
    }
    return found.pop() if len(found) == 1 else address


def _furthest(hops: Sequence[str], address: str, trusted: tuple[Network, ...]) -> str:
    """The furthest address that trusted proxies vouch for, starting at `address`; the last hop is the nearest."""
    for hop in reversed(hops):
        found = _address(hop)
        if found is None:
            break
        address = found
        if not _within(address, trusted):
            break
    return address


def _joined(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    """All headers of that name, combined into one (RFC 9110, section 5.3)."""
    return ",".join(str(value, "latin-1") for key, value in headers if key == name)


def _forwarded(header: str) -> list[str]:
    """The value of `for=` in each element; empty for an element without it. Every comma splits, even within quotes: a quote that
    a client leaves open must not swallow what a proxy appends, and no address contains a comma."""
    elements = ([pair.partition("=") for pair in one.split(";")] for one in header.split(","))
    return [
        next((value for key, _, value in pairs if key.strip().lower() == "for"), "") for pairs in elements
    ]


def _address(node: str) -> str | None:
    """The address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, also in quotes; None for anything else,
    such as `unknown` and `_hidden`."""
    return _parsed(node) if len(node) <= LONGEST else None


@lru_cache(maxsize=REMEMBERED)
def _parsed(node: str) -> str | None:
    text = node.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


@lru_cache(maxsize=REMEMBERED)
def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address in ("", "unix")
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in networks)
