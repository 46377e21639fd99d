"""`notifications`: who is told about pushes, pulls and deletions."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from moorage.config.sections.base import Section, older_spelling
from moorage.config.values import URL, Duration, Secret


class Events(Section):
    includereferences: bool = Field(
        default=False, description="List what a manifest refers to in its events."
    )


class Ignore(Section):
    mediatypes: list[str] = Field(default_factory=list, description="Send no events of these media types.")
    actions: list[str] = Field(
        default_factory=list, description="Send no events of these actions: push, pull, mount, delete."
    )


class Endpoint(Section):
    name: str = Field(description="A name for logs and metrics.")
    disabled: bool = Field(default=False, description="Send nothing to this endpoint.")
    url: URL = Field(description="Where events are posted.")
    headers: dict[str, list[Secret]] = Field(
        default_factory=dict, description="Headers added to each request, such as Authorization."
    )
    timeout: Annotated[Duration, Field(ge=timedelta(0))] = Field(
        default=timedelta(seconds=1), description="Longest wait for an answer."
    )
    threshold: int = Field(default=10, ge=0, description="Failures in a row before waiting for `backoff`.")
    backoff: Annotated[Duration, Field(ge=timedelta(0))] = Field(
        default=timedelta(seconds=1), description="The wait after `threshold` failures."
    )
    ignore: Ignore = Field(default_factory=Ignore, description="Events that are not sent.")
    ignoredmediatypes: list[str] | None = older_spelling("ignore.mediatypes")


class Notifications(Section):
    events: Events = Field(default_factory=Events, description="What events hold.")
    endpoints: list[Endpoint] = Field(default_factory=list, description="Where events go.")
