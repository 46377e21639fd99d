"""Requests and errors for a reporter in this process."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, Final, cast

from moorage.api.exchange import Exchange
from moorage.api.location import Locations
from moorage.api.service import Service
from moorage.auth.base import Grant
from moorage.config.sections.reporting import Reporting
from moorage.reporting import Reporter, build

PROXY: Final = ip_network("198.51.100.0/24")
"""Whose word about the client's address counts."""

_COUNTER = itertools.count()


def exchange(
    path: str = "/v2/blue/app/manifests/latest",
    query: str = "",
    headers: Sequence[tuple[bytes, bytes]] = (),
    name: str = "blue/app",
    user: str = "",
    client: Any = ("192.0.2.7", 9),
) -> Exchange:
    scope = {
        "method": "GET",
        "path": path,
        "query_string": query.encode("latin-1"),
        "headers": list(headers),
        "client": client,
    }

    async def receive() -> Any:
        raise AssertionError("nobody reads the body")

    service = cast(Service, SimpleNamespace(locations=Locations(vouching=(PROXY,))))
    asked = Exchange(scope, receive, service, name, "latest")
    asked.grant = Grant(user)
    return asked


def raised(text: str = "surprise") -> Exception:
    """An exception with a traceback."""
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


def reporter(**sections: dict[str, Any]) -> Reporter:
    """As the configuration of `reporting` makes it."""

    class Configuration:
        reporting = Reporting.model_validate(sections)

    made = build(cast(Any, Configuration))
    assert made is not None
    return made
