"""`redis`: where several registries remember together (`storage.cache.blobdescriptor`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from moorage.config.sections.base import Section, older_spelling
from moorage.config.values import Duration, HostPort, Secret

WITHOUT_EFFECT: Final = {
    "writetimeout": "sending waits as long as receiving does (`readtimeout`)",
    "contexttimeoutenabled": "a command always ends with the request that needs it",
    "poolfifo": "the connection that was used last is used first",
    "minidleconns": "connections are made when they are needed",
    "maxidleconns": "connections stay open",
    "connmaxidletime": "connections stay open",
    "connmaxlifetime": "connections stay open",
    "maxredirects": "16 at most",
    "readonly": "a replica may not know yet what was dropped",
    "routebylatency": "a replica may not know yet what was dropped",
    "routerandomly": "a replica may not know yet what was dropped",
    "unstableresp3": "it is about commands that are not used here",
}
"""Keys that are known for compatibility, and what applies instead."""

Count = Annotated[int, Field(ge=0)]
# -1 switches a limit off in the options the reference implementation passes on, so it is kept.
Limit = Annotated[int, Field(ge=-1)]
Limited = Annotated[Duration, Field(ge=timedelta(microseconds=-1))]


def _without_effect(key: str, default: Any) -> Any:
    return Field(default=default, description=f"Without effect: {WITHOUT_EFFECT[key]}.")


class RedisTls(Section):
    enabled: bool | None = Field(
        default=None, description="Use TLS; unset: yes if any other key of this section is set."
    )
    certificate: str | None = Field(default=None, description="Path of the client certificate (PEM).")
    key: str | None = Field(default=None, description="Path of its key (PEM).")
    rootcas: list[str] = Field(default_factory=list, description="Paths of CA certificates (PEM) to trust.")
    clientcas: list[str] | None = older_spelling("rootcas")

    @model_validator(mode="after")
    def _certificate_and_key(self) -> RedisTls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("needs both certificate and key, or neither")
        return self


class Pool(Section):
    maxidle: int | None = older_spelling("^maxidleconns", "Older spelling of `redis.maxidleconns`.")
    maxactive: int | None = older_spelling("^poolsize", "Older spelling of `redis.poolsize`.")
    idletimeout: Duration | None = older_spelling(
        "^connmaxidletime", "Older spelling of `redis.connmaxidletime`."
    )


class Redis(Section):
    addrs: list[HostPort] = Field(
        default_factory=list,
        description="The server, HOST:PORT; several for a cluster, or for the sentinels with `mastername`.",
    )
    addr: str | None = older_spelling("addrs.0")
    clientname: str | None = Field(default=None, description="Name given to each connection.")
    db: Count = Field(default=0, description="Number of the database.")
    protocol: Literal["2", "3"] | None = Field(default=None, description="Version of the protocol.")
    username: str | None = Field(default=None, description="User.")
    password: Secret | None = Field(default=None, description="Password.")
    sentinelusername: str | None = Field(default=None, description="User at the sentinels.")
    sentinelpassword: Secret | None = Field(default=None, description="Password at the sentinels.")
    mastername: str | None = Field(default=None, description="Name of the master that the sentinels watch.")
    maxretries: Limit = Field(default=3, description="Tries after a failed command; -1: none.")
    minretrybackoff: Limited = Field(
        default=timedelta(milliseconds=8), description="Shortest wait before a new try."
    )
    maxretrybackoff: Limited = Field(
        default=timedelta(milliseconds=512), description="Longest wait before a new try."
    )
    dialtimeout: Limited = Field(default=timedelta(seconds=5), description="Longest wait for a connection.")
    readtimeout: Limited = Field(default=timedelta(seconds=3), description="Longest wait for an answer.")
    writetimeout: Limited = _without_effect("writetimeout", timedelta(seconds=3))
    contexttimeoutenabled: bool = _without_effect("contexttimeoutenabled", False)
    poolfifo: bool = _without_effect("poolfifo", False)
    poolsize: Count | None = Field(default=None, description="Most connections; unset: 10 per processor.")
    pooltimeout: Limited | None = Field(
        default=None, description="Longest wait for a free connection; unset: `readtimeout` and a second."
    )
    minidleconns: Count = _without_effect("minidleconns", 0)
    maxidleconns: Count = _without_effect("maxidleconns", 0)
    maxactiveconns: Count = Field(default=0, description="Most connections at any time; 0: no limit.")
    connmaxidletime: Limited = _without_effect("connmaxidletime", timedelta(minutes=30))
    connmaxlifetime: Limited = _without_effect("connmaxlifetime", timedelta(0))
    maxredirects: Limit = _without_effect("maxredirects", 3)
    readonly: bool = _without_effect("readonly", False)
    routebylatency: bool = _without_effect("routebylatency", False)
    routerandomly: bool = _without_effect("routerandomly", False)
    disableidentity: bool = Field(
        default=False, description="Do not tell the server the name of the library."
    )
    identitysuffix: str | None = Field(default=None, description="Added to the name of the library.")
    unstableresp3: bool = _without_effect("unstableresp3", False)
    tls: RedisTls = Field(default_factory=RedisTls, description="TLS to the server.")
    pool: Pool = Field(default_factory=Pool, description="Older place of three keys.")
