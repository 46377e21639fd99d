"""Where events go, and how: what there is to know of one endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Format = Literal["v1", "v2", "cloudevents"]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """`timeout`, `backoff` and `maxbackoff` are seconds, `threshold` counts failures in a row, and `batch` is how many events one
    request has at most. `secrets`: each signs, so that a listener may know the old one or the new one. `forbidden`: networks to
    which nothing is sent, whatever name leads there."""

    name: str
    url: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    timeout: float = 1.0
    threshold: int = 10
    backoff: float = 1.0
    maxbackoff: float = 300.0
    secrets: Sequence[str] = field(default=(), repr=False)
    format: Format = "v2"
    batch: int = 1
    forbidden: Sequence[Network] = ()

    @property
    def shown(self) -> str:
        """The URL without what may be secret in it: user, password and query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
