"""Networks to which no events go: the check is made where a connection begins, on the address that it will go to.

So it does not matter whether a URL has an address or a name, what the name led to a moment ago, and what redirects say.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from moorage.events.endpoint import Network

_IP: Final = (socket.AF_INET, socket.AF_INET6)
AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""What getaddrinfo gives."""


class Guard:
    """Makes the sockets of connections. `opened` counts them. `refused`: the last address to which none was made, or nothing."""

    def __init__(self, forbidden: Sequence[Network]) -> None:
        self._forbidden = forbidden
        self.opened = 0
        self.refused = ""

    def socket(self, target: AddrInfo) -> socket.socket:
        """Raises PermissionError for a forbidden address."""
        family, kind, protocol, _, address = target
        self.opened += 1
        if family in _IP and is_in(str(address[0]), self._forbidden):
            self.refused = str(address[0])
            raise PermissionError(1, f"nothing is sent to {self.refused}, which is forbidden")
        return socket.socket(family, kind, protocol)


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """An IPv4 address that is written as an IPv6 one is reached over IPv4, and counts as that too."""
    found = ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return any(one in network for network in networks for one in (found, mapped) if one is not None)
