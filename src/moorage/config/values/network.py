"""Addresses to listen on or connect to, and networks whose peers are trusted."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from moorage.config.values.kind import Kind

_HOST_PORT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:/\[\]@]*)):(?P<port>[0-9]{1,5})")


def host_and_port(text: str) -> tuple[str, int]:
    """`("127.0.0.1", 5000)` from `127.0.0.1:5000`; the host is empty in `:5000`. Raises ValueError."""
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("must be HOST:PORT such as 127.0.0.1:5000, :5000 or [::1]:5000")
    return match["six"] or match["host"], int(match["port"])


def _checked(text: str) -> str:
    host_and_port(text)
    return text


def _network(value: object) -> object:
    try:
        # Host bits may be set (10.0.0.1/8): the intent is clear, and nginx and Go's own tools take it too.
        return ip_network(str(value).strip(), strict=False)
    except ValueError:
        raise ValueError("must be an address or a network such as 10.0.0.0/8 or ::1") from None


HostPort = Annotated[str, AfterValidator(_checked), Kind("HOST:PORT")]
"""A text of the form HOST:PORT."""

Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    PlainSerializer(str, return_type=str),
    Kind("network"),
]
"""One address, or a network in CIDR notation."""
