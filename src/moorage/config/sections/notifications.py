"""`notifications`: who is told about pushes, pulls and deletions."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from moorage.config.sections.base import Section, lower, older_spelling
from moorage.config.values import URL, Duration, HeaderName, HeaderSecret, Network, Secret, Size

_OF_CREDENTIALS = ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128")
_OF_EACH_REQUEST = frozenset({"content-length", "expect", "host", "trailer", "transfer-encoding"})
"""Follow from URL and body: with another value a listener waits for bytes that never come, or takes half of them."""


def _free(name: str) -> str:
    if name.lower() in _OF_EACH_REQUEST:
        raise ValueError("belongs to each request itself: remove it")
    return name


FreeHeaderName = Annotated[HeaderName, AfterValidator(_free)]
Action = Annotated[Literal["push", "pull", "mount", "delete"], BeforeValidator(lower)]


class Events(Section):
    includereferences: bool = Field(
        default=False, description="List what a manifest refers to in its events."
    )


class Ignore(Section):
    mediatypes: list[str] = Field(default_factory=list, description="Send no events of these media types.")
    actions: list[Action] = Field(default_factory=list, description="Send no events of these actions.")


class Endpoint(Section):
    name: str = Field(
        min_length=1, description="A name for logs and metrics, and for what waits in the queue."
    )
    disabled: bool = Field(default=False, description="Send nothing to this endpoint.")
    url: URL | None = Field(
        default=None, validate_default=True, description="Where events are posted. Needed unless `disabled`."
    )
    headers: dict[FreeHeaderName, list[HeaderSecret]] = Field(
        default_factory=dict, description="Headers added to each request, such as Authorization."
    )
    secrets: list[Secret] = Field(
        default_factory=list,
        description="Sign each request with each of these, so that a listener knows who sent it. Two while one replaces the other.",
    )
    format: Literal["v2", "v1", "cloudevents"] = Field(
        default="v2",
        description="`v2` and `v1`: the envelope of Docker Registry under the media type of its version 3 or 2; `cloudevents`: "
        "structured CloudEvents 1.0.",
    )
    batch: int = Field(default=1, ge=1, le=100, description="Most events in one request.")
    timeout: Annotated[Duration, Field(ge=timedelta(0))] = Field(
        default=timedelta(seconds=1), description="Longest wait for an answer; 0: 1s."
    )
    threshold: int = Field(
        default=10, ge=0, description="Failures in a row before waiting for `backoff`; 0: 10."
    )
    backoff: Annotated[Duration, Field(ge=timedelta(0))] = Field(
        default=timedelta(seconds=1),
        description="The wait after `threshold` failures, doubled with each that follows; 0: 1s.",
    )
    maxbackoff: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = Field(
        default=timedelta(minutes=5), description="The longest of these waits."
    )
    ignore: Ignore = Field(default_factory=Ignore, description="Events that are not sent.")
    ignoredmediatypes: list[str] | None = older_spelling("ignore.mediatypes")

    @field_validator("url")
    @classmethod
    def _enabled_has_url(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None and not info.data.get("disabled"):
            raise ValueError("is required; set it, or `disabled: true`")
        return url


class Queue(Section):
    path: str | None = Field(
        default=None,
        description="The file in which events wait, on a local disk, for this server alone. Unset: `.moorage/events.db` below the "
        "root directory of the filesystem driver; with other drivers `events.db` in /var/lib/moorage, or in the state directory "
        "that systemd gives.",
    )
    size: Annotated[Size, Field(ge=1 << 20)] = Field(
        default=1 << 30,
        description="Most bytes of it on disk, shared evenly among the endpoints; pulls fill half of a share. What has no room is "
        "dropped and counted.",
    )


class Notifications(Section):
    events: Events = Field(default_factory=Events, description="What events hold.")
    endpoints: list[Endpoint] = Field(default_factory=list, description="Where events go.")
    queue: Queue = Field(default_factory=Queue, description="Where events wait until they are delivered.")
    forbidden: list[Network] = Field(
        default_factory=lambda: [ip_network(one) for one in _OF_CREDENTIALS],
        description="Addresses to which no event is sent, whatever name leads there. Unset: those under which cloud "
        "providers give out credentials, which are link-local but for one of AWS.",
    )

    @field_validator("endpoints")
    @classmethod
    def _names_differ(cls, endpoints: list[Endpoint]) -> list[Endpoint]:
        names = Counter(one.name for one in endpoints if not one.disabled)
        if twice := sorted(name for name, count in names.items() if count > 1):
            raise ValueError(f"have the same name, {', '.join(twice)}: what waits for them is kept by name")
        return endpoints
