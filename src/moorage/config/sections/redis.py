"""`redis`: where several registries remember together (`storage.cache.blobdescriptor`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from moorage.config.sections.base import Section, older_spelling
from moorage.config.values import Duration, HostPort, Secret

Count = Annotated[int, Field(ge=0)]
# -1 switches a limit off in the options the reference implementation passes on, so it is kept.
Limit = Annotated[int, Field(ge=-1)]
Limited = Annotated[Duration, Field(ge=timedelta(microseconds=-1))]


class RedisTls(Section):
    enabled: bool | None = Field(
        default=None, description="Use TLS; unset: yes if any other key of this section is set."
    )
    certificate: str | None = Field(default=None, description="Path of the client certificate (PEM).")
    key: str | None = Field(default=None, description="Path of its key (PEM).")
    rootcas: list[str] = Field(default_factory=list, description="Paths of CA certificates (PEM) to trust.")

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
    writetimeout: Limited = Field(default=timedelta(seconds=3), description="Longest wait to send a command.")
    contexttimeoutenabled: bool = Field(default=False, description="Also end a command with its request.")
    poolfifo: bool = Field(default=False, description="Use the connection that was idle longest first.")
    poolsize: Count | None = Field(default=None, description="Most connections; unset: 10 per processor.")
    pooltimeout: Limited | None = Field(
        default=None, description="Longest wait for a free connection; unset: `readtimeout` and a second."
    )
    minidleconns: Count = Field(default=0, description="Idle connections to keep ready.")
    maxidleconns: Count = Field(default=0, description="Most idle connections to keep; 0: no limit.")
    maxactiveconns: Count = Field(default=0, description="Most connections at any time; 0: no limit.")
    connmaxidletime: Limited = Field(
        default=timedelta(minutes=30), description="Close a connection that was idle for so long."
    )
    connmaxlifetime: Limited = Field(
        default=timedelta(0), description="Close a connection that is so old; 0: never."
    )
    maxredirects: Limit = Field(default=3, description="Most redirects inside a cluster.")
    readonly: bool = Field(default=False, description="Read from replicas of a cluster.")
    routebylatency: bool = Field(default=False, description="Read from the nearest node of a cluster.")
    routerandomly: bool = Field(default=False, description="Read from a random node of a cluster.")
    disableidentity: bool = Field(
        default=False, description="Do not tell the server the name of the library."
    )
    identitysuffix: str | None = Field(default=None, description="Added to the name of the library.")
    unstableresp3: bool = Field(default=False, description="Without effect; known for compatibility.")
    tls: RedisTls = Field(default_factory=RedisTls, description="TLS to the server.")
    pool: Pool = Field(default_factory=Pool, description="Older place of three keys.")
