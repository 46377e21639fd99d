"""`http`: where the registry listens, and what it tells clients about itself."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from moorage.config.sections.base import Section
from moorage.config.sections.limits import Limits
from moorage.config.sections.tls import Tls
from moorage.config.values import (
    BaseURL,
    Duration,
    HeaderName,
    HeaderValue,
    HostPort,
    Network,
    Secret,
    host_and_port,
)

_LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
_DEFAULT_ADDR = "127.0.0.1:5000"
_ALL = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))


DEBUG_PAGES: Final = frozenset(("/", "/healthz", "/readyz"))
"""The pages that every debug listener has, beside those below `/debug/`."""


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", value):
        raise ValueError("must be a path such as /registry/")
    inner = value.strip("/")
    return f"/{inner}/" if inner else "/"


def _place(addr: str) -> tuple[str, int]:
    """Host (empty: all addresses, however they are written) and port."""
    host, port = host_and_port(addr)
    return "" if host in _ALL else host.lower(), port


def _page(value: str) -> str:
    if not re.fullmatch(r"(?:/[A-Za-z0-9._~/-]*)?", value):
        raise ValueError("must be a path such as /metrics")
    if value in DEBUG_PAGES or value.startswith("/debug/"):
        raise ValueError(f"{value} is another page of the debug listener: take a path such as /metrics")
    return value or "/metrics"


class Prometheus(Section):
    enabled: bool = Field(
        default=False, description="Count, and serve what was counted on the debug listener."
    )
    path: Annotated[str, AfterValidator(_page)] = Field(
        default="/metrics", description="Where, on the debug listener."
    )


class Debug(Section):
    addr: HostPort | None = Field(
        default=None,
        description="HOST:PORT for health, metrics and debugging. Nobody is asked for a password there: keep it private.",
    )
    prometheus: Prometheus = Field(default_factory=Prometheus, description="Metrics for Prometheus.")


class Http2(Section):
    disabled: bool = Field(
        default=False, description="Do not offer HTTP/2 to clients that use TLS, only HTTP/1.1."
    )


class H2c(Section):
    enabled: bool = Field(
        default=False,
        description="Without TLS, speak HTTP/2 with clients that begin with it (prior knowledge), and HTTP/1.1 with "
        "the others. Not on a unix socket.",
    )


class Http(Section):
    net: Literal["tcp", "unix"] = Field(default="tcp", description="The kind of listener.")
    addr: str = Field(
        default=_DEFAULT_ADDR,
        validate_default=True,
        description="Where to listen: HOST:PORT, or `:5000` for all addresses; with `net: unix` the path of "
        "a socket, which is required then. `0.0.0.0` and `[::]` mean all addresses too, IPv4 and IPv6, as with the reference implementation: "
        "to keep IPv6 out, name an IPv4 address of the machine. Port 0 is any that is free, which is told at the start.",
    )
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        default="/", description="The path below which `v2/` is, with a slash on both ends."
    )
    host: BaseURL | None = Field(
        default=None,
        description="How clients reach the registry, such as `https://registry.example.com`: the whole address, a path included, "
        "to which `v2/` is added, but not `prefix`. URLs in answers start with it. Unset: they are made from the request.",
    )
    secret: Secret | None = Field(
        default=None,
        description="Signs the state of uploads. Must be the same on all instances behind one address. "
        "Unset: one is made and kept in the storage.",
    )
    relativeurls: bool | None = Field(
        default=None, description="Send relative URLs in Location headers. Unset: yes, unless `host` is set."
    )
    draintimeout: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=24))] = Field(
        default=timedelta(seconds=30),
        description="After SIGTERM, how long requests may take to finish. 0: they are cut at once, which is "
        "the default of the reference implementation.",
    )
    tls: Tls = Field(default_factory=Tls, description="TLS.")
    headers: dict[HeaderName, list[HeaderValue]] = Field(
        default_factory=dict,
        description="Headers added to every answer, such as `X-Content-Type-Options: [nosniff]`.",
    )
    debug: Debug = Field(default_factory=Debug, description="The debug listener.")
    http2: Http2 = Field(default_factory=Http2, description="HTTP/2 over TLS.")
    h2c: H2c = Field(default_factory=H2c, description="HTTP/2 without TLS.")
    workers: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="Processes that serve requests. Unset: one per processor, four at most."
    )
    trustedproxies: list[Network] | None = Field(
        default=None,
        description="Addresses and networks of proxies whose X-Forwarded-*, X-Real-IP and Forwarded headers "
        "are believed. Unset: about scheme, host, port and path they are believed from loopback and private networks "
        f"({', '.join(map(str, _PRIVATE))}), about the client's address from loopback only. So behind a proxy on "
        "another machine, set it: else all clients are one address, for the limit on guessing passwords and in logs. "
        "A unix socket is always believed.",
    )
    limits: Limits = Field(default_factory=Limits, description="Limits on what clients may use.")

    @property
    def listen(self) -> tuple[str, int] | Path:
        """Host (empty: all addresses) and port, or the path of a socket."""
        return Path(self.addr) if self.net == "unix" else host_and_port(self.addr)

    @property
    def proxies_for_urls(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Believed about scheme, host, port and path."""
        return (*_LOOPBACK, *_PRIVATE) if self.trustedproxies is None else tuple(self.trustedproxies)

    @property
    def proxies_for_clients(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Believed about the client's address. The clients of an intranet have private addresses too: such a client could claim any
        address."""
        return _LOOPBACK if self.trustedproxies is None else tuple(self.trustedproxies)

    @field_validator("debug")
    @classmethod
    def _debug_is_elsewhere(cls, debug: Debug, info: ValidationInfo) -> Debug:
        addr = info.data.get("addr")
        if debug.addr and addr and info.data.get("net") == "tcp":
            place = _place(addr)
            # Port 0 is any that is free, for each of them.
            if place == _place(debug.addr) and place[1]:
                raise ValueError(f"addr is {debug.addr}, where http.addr listens: take another port")
        return debug

    @field_validator("addr")
    @classmethod
    def _addr_fits_net(cls, addr: str, info: ValidationInfo) -> str:
        if info.data.get("net") == "tcp":
            host_and_port(addr)
        if info.data.get("net") == "unix" and addr == _DEFAULT_ADDR:
            raise ValueError("is required with net: unix: the path of the socket")
        return addr
