"""`health`: what is probed from time to time, by each worker for itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from moorage.config.sections.base import Section
from moorage.config.values import URL, Duration, HeaderName, HeaderSecret, HostPort, nanoseconds

_BETWEEN = timedelta(seconds=10)
_PATIENCE = timedelta(seconds=5)


def _zero_means(default: timedelta) -> BeforeValidator:
    """Docker Registry, "health": an interval or a timeout of 0 is one that is not set."""

    def replaced(value: object) -> object:
        try:
            return value if nanoseconds(str(value)) else default
        except ValueError:
            return value

    return BeforeValidator(replaced)


Interval = Annotated[Duration, Field(ge=timedelta(milliseconds=1)), _zero_means(_BETWEEN)]
Timeout = Annotated[Duration, Field(ge=timedelta(milliseconds=1)), _zero_means(_PATIENCE)]

_INTERVAL = "Time between two probes; 0 means the default."
_THRESHOLD = "How many probes in a row must fail before the registry counts as unhealthy; 0 is the same as 1."
_TIMEOUT = "How long a probe may last; 0 means the default."


class StorageProbe(Section):
    enabled: bool = Field(default=False, description="Probe the storage.")
    interval: Interval = Field(default=_BETWEEN, description=_INTERVAL)
    threshold: int = Field(default=1, ge=0, description=_THRESHOLD)


class FileProbe(Section):
    file: str = Field(
        description="Unhealthy while this file exists: a way to take an instance out of rotation."
    )
    interval: Interval = Field(default=_BETWEEN, description=_INTERVAL)
    threshold: int = Field(default=1, ge=0, description=_THRESHOLD)


class HttpProbe(Section):
    uri: URL = Field(
        description="The URL to ask with HEAD. Redirects are followed, unless `statuscode` is that of one."
    )
    headers: dict[HeaderName, list[HeaderSecret]] = Field(
        default_factory=dict, description="Headers of the request."
    )
    statuscode: int = Field(default=200, ge=100, le=599, description="The status that means healthy.")
    timeout: Timeout = Field(default=_PATIENCE, description=_TIMEOUT)
    interval: Interval = Field(default=_BETWEEN, description=_INTERVAL)
    threshold: int = Field(default=1, ge=0, description=_THRESHOLD)


class TcpProbe(Section):
    addr: HostPort = Field(description="The HOST:PORT to connect to.")
    timeout: Timeout = Field(default=_PATIENCE, description=_TIMEOUT)
    interval: Interval = Field(default=_BETWEEN, description=_INTERVAL)
    threshold: int = Field(default=1, ge=0, description=_THRESHOLD)


class Health(Section):
    storagedriver: StorageProbe = Field(default_factory=StorageProbe, description="The storage.")
    file: list[FileProbe] = Field(default_factory=list, description="Files that must not exist.")
    http: list[HttpProbe] = Field(default_factory=list, description="URLs that must answer.")
    tcp: list[TcpProbe] = Field(default_factory=list, description="Addresses that must accept a connection.")
