"""The settings of one endpoint: where its events go, and how."""

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
    """An endpoint of notifications.

    `timeout`, `backoff` and `maxbackoff` are seconds, `threshold` counts consecutive failures, and `batch` is the most events in one
    request. Each of the `secrets` signs, so that a listener may know either the old or the new one. `forbidden`: networks to which
    nothing is sent, whatever name leads there.
    """

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
        """The URL without the parts that may be secret: user, password and query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
