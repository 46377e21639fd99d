"""The registry's address as the client sees it: the beginning of every Location and Link.

References are relative unless the configuration names a host or wants absolute ones, because a relative reference is right
behind any proxy. Headers that proxies set are believed only from the proxies that the configuration trusts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.types import Scope

from moorage.api.proxies import Network, Networks, trusted_peer

HEADER_LIMIT = 1024
"""In bytes. A longer header of a proxy is ignored, and so is a longer Host."""

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True)
class Locations:
    """`host` is the whole address that clients know, a path included (Docker Registry, "http"); `relative` None means relative unless
    there is a host; `prefix` is the path below which the registry lies here, without a final slash. `trusted`: the proxies that
    are believed about URLs; `vouching`: those that are believed about the client's address."""

    host: str = ""
    relative: bool | None = None
    prefix: str = ""
    trusted: tuple[Network, ...] = Networks()
    vouching: tuple[Network, ...] = Networks()

    def __post_init__(self) -> None:
        object.__setattr__(self, "trusted", Networks(self.trusted))
        object.__setattr__(self, "vouching", Networks(self.vouching))

    def of(self, scope: Scope, path: str) -> str:
        """A reference to `path` (`/v2/…`), for the client of this request."""
        if self.relative or (self.relative is None and not self.host):
            return self._forwarded(scope).get("prefix", "") + self.prefix + path
        return self.absolute(scope, path)

    def absolute(self, scope: Scope, path: str) -> str:
        """A URL of `path`; the path alone if neither the configuration nor the request names a usable host."""
        if self.host:
            return self.host.rstrip("/") + path
        found = self._forwarded(scope)
        host = found.get("host") or _host(scope)
        if not host:
            return self.prefix + path
        if port := found.get("port"):
            host = _with_port(host, port, found.get("proto") or scope["scheme"])
        scheme = found.get("proto") or scope["scheme"]
        return f"{scheme}://{host}{found.get('prefix', '')}{self.prefix}{path}"

    def _forwarded(self, scope: Scope) -> dict[str, str]:
        """proto, host, port and prefix from the first value of each X-Forwarded-*, or all but the prefix, which it does not know, from
        the first element of Forwarded (RFC 7239). Empty if the peer is not a trusted proxy."""
        headers = {
            key: str(value, "latin-1")
            for key, value in reversed(scope["headers"])
            if (key == b"forwarded" or key.startswith(b"x-forwarded-")) and len(value) <= HEADER_LIMIT
        }
        if not headers or not trusted_peer(scope, self.trusted):
            return {}
        found: dict[str, str] = {}
        for part in ("proto", "host", "port", "prefix"):
            value = headers.get(b"x-forwarded-" + part.encode(), "").partition(",")[0].strip()
            if value:
                found[part] = value
        element = headers.get(b"forwarded", "").partition(",")[0]
        # Split, not matched: a pattern that may begin anywhere in a header of letters takes time by the square of its length.
        told: dict[str, str] = {}
        for pair in element.split(";"):
            name, _, value = pair.partition("=")
            if (name := name.strip().lower()) in ("proto", "host"):
                told[name] = value.strip().strip('"')
        if told:
            found = told | ({"prefix": found["prefix"]} if "prefix" in found else {})
        return _valid(found)


def _valid(found: dict[str, str]) -> dict[str, str]:
    """Drop malformed values, which would become part of a header."""
    if "proto" in found and (proto := found.pop("proto").lower()) in ("http", "https"):
        found["proto"] = proto
    if "host" in found and not _HOST.fullmatch(found["host"]):
        del found["host"]
    if "port" in found and not _PORT.fullmatch(found["port"]):
        del found["port"]
    if "prefix" in found:
        prefix = found.pop("prefix")
        if _PREFIX.fullmatch(prefix) and ".." not in prefix:
            found["prefix"] = prefix.rstrip("/")
    return found


def _host(scope: Scope) -> str:
    for key, value in scope["headers"]:
        if key == b"host":
            text = str(value, "latin-1")
            return text if len(text) <= HEADER_LIMIT and _HOST.fullmatch(text) else ""
    return ""


def _with_port(host: str, port: str, scheme: str) -> str:
    name = re.sub(r":[0-9]+$", "", host) if not host.endswith("]") else host
    return name if port == {"http": "80", "https": "443"}.get(scheme) else f"{name}:{port}"
