"""Events as values, in the words of the reference implementation (Docker Registry, "Work with notifications").

Event
  Target     what it is about: a blob, a manifest, a tag
  Request    the request that did it
  Actor      who did it
  Source     the registry that tells it
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec

from moorage.manifest import Descriptor

Action = Literal["push", "pull", "mount", "delete"]

BLOB: Final = "application/octet-stream"
"""The media type of a blob: what it is in an image, only manifests know."""


class Target(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """`length` is `size` under its older name. `from_repository`: where a blob was mounted from."""

    media_type: str
    size: int
    digest: str
    length: int = 0
    repository: str
    from_repository: str = ""
    url: str = ""
    tag: str = ""
    references: list[Descriptor] | None = None


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """`addr`: the client's, seen through trusted proxies."""

    id: str
    method: str
    useragent: str
    addr: str = ""
    host: str = ""


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str = ""


class Source(msgspec.Struct, frozen=True, rename={"instance_id": "instanceID"}, omit_defaults=True):
    """`addr`: the name of the machine and the port. `instance_id`: another one after each start of the server."""

    addr: str = ""
    instance_id: str = ""


class Event(msgspec.Struct, frozen=True):
    id: str
    timestamp: datetime.datetime
    action: Action
    target: Target
    request: Request
    actor: Actor
    source: Source


class EventSink(Protocol):
    """Takes events. `references`: whether those of a manifest are to be listed in its events."""

    source: Source
    references: bool

    def wants(self, action: Action) -> bool:
        """Whether anybody does; else the event need not be made. Asked before each."""
        ...

    async def write(self, events: Sequence[Event]) -> None:
        """Keep the events before anybody is told that what they tell of was done: they are durable on return, unless there
        is no room for them, which is counted and logged. Does not raise."""
        ...

    def tell(self, event: Event) -> None:
        """Keep an event soon, without waiting: of what changed nothing. One that dies with the process is lost. Does not
        raise."""
        ...


def gone(repository: str, *, digest: str = "", tag: str = "") -> Target:
    """A manifest or blob that went, or a tag, which is told without a digest. The empty fields are in the JSON, as they are in
    that of the reference implementation."""
    return Target(media_type="", size=0, digest=digest, repository=repository, tag=tag)


def happened(action: Action, target: Target, request: Request, actor: Actor, source: Source) -> Event:
    """An event of now."""
    moment = datetime.datetime.now(datetime.UTC)
    return Event(str(uuid.uuid4()), moment, action, target, request, actor, source)
