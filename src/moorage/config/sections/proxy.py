"""`proxy`: a registry that is a pull-through cache of another one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from moorage.config.sections.base import Section
from moorage.config.values import URL, Duration, Secret

NotNegative = Annotated[Duration, Field(ge=timedelta(0))]


class Exec(Section):
    command: Secret = Field(
        description="The credential helper to run, `docker-credential-…`. Not printed, for arguments may be passwords."
    )
    lifetime: NotNegative | None = Field(
        default=None,
        description="How long its answer is used; 0 runs it for every request, unset runs it once.",
    )


class Proxy(Section):
    remoteurl: URL | None = Field(
        default=None, description="The registry to cache, such as `https://registry-1.docker.io`."
    )
    username: str | None = Field(default=None, description="User at the remote registry.")
    password: Secret | None = Field(default=None, description="Password at the remote registry.")
    exec: Exec | None = Field(default=None, description="Credentials from a program.")
    ttl: NotNegative = Field(
        default=timedelta(hours=168), description="How long cached content is kept; 0 keeps it for ever."
    )
    cachewritetimeout: NotNegative = Field(
        default=timedelta(minutes=5), description="How long writing one object to the cache may last."
    )
