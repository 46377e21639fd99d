"""Looks up the names of endpoints. Each look-up has a thread of its own: names for which no resolver answers would hold up endpoints that
have others, and all else in the process.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

from moorage.daemons import in_daemon

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Found = list[ResolveResult]


class Resolver(AbstractResolver):
    """For an aiohttp connector, which asks for a name once at a time."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> Found:
        """Raises OSError and NoThread."""
        return await in_daemon("lookup", partial(_looked_up, host, port, family))

    async def close(self) -> None:
        pass


def _looked_up(host: str, port: int, family: socket.AddressFamily) -> Found:
    try:
        infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:
        # A part of the name is empty, or longer than 63 characters.
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from None
    return [_result(host, port, *info) for info in infos]


def _result(
    host: str, port: int, family: int, kind: int, protocol: int, name: str, address: tuple[Any, ...]
) -> ResolveResult:
    # With the interface of a link-local address, such as fe80::1%eth0.
    numeric, _ = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    return ResolveResult(
        hostname=host, host=numeric, port=port, family=family, proto=protocol, flags=_NUMERIC
    )
