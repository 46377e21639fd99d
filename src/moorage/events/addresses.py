"""Forbidden networks, to which no events are sent. The check is made when a socket is created, on the address it connects to.

So it does not matter whether a URL has an address or a name, what the name resolved to a moment ago, or where redirects lead.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from moorage.events.endpoint import Network

_IP: Final = (socket.AF_INET, socket.AF_INET6)
AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""An item of what getaddrinfo returns."""


class Guard:
    """Creates the sockets of connections. `opened` counts them. `refused`: the last forbidden address asked for, or empty."""

    def __init__(self, forbidden: Sequence[Network]) -> None:
        self._forbidden = forbidden
        self.opened = 0
        self.refused = ""

    def socket(self, target: AddrInfo) -> socket.socket:
        """Create a socket for the address. Raises PermissionError if the address is forbidden."""
        family, kind, protocol, _, address = target
        self.opened += 1
        if family in _IP and is_in(str(address[0]), self._forbidden):
            self.refused = str(address[0])
            raise PermissionError(errno.EPERM, f"nothing is sent to {self.refused}, which is forbidden")
        return socket.socket(family, kind, protocol)


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks. An IPv4-mapped IPv6 address also counts as its IPv4 address."""
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return any(one in network for network in networks for one in (found, mapped) if one is not None)
