"""Events as values, in the terms of the reference implementation (Docker Registry, "Work with notifications").

Event
  Target     what it is about: a blob, a manifest, a tag
  Request    the request that caused it
  Actor      the user who caused it
  Source     the registry that reports it
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
"""The media type of a blob: only manifests know its role in an image."""


class Target(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """What an event is about. `length` is the older name of `size`. `from_repository`: where a blob was mounted from."""

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
    """The request that caused an event. `addr`: the client's address, seen through trusted proxies."""

    id: str
    method: str
    useragent: str
    addr: str = ""
    host: str = ""


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str = ""


class Source(msgspec.Struct, frozen=True, rename={"instance_id": "instanceID"}, omit_defaults=True):
    """The registry that reports an event. `addr`: host name and port. `instance_id`: different after each start of the server."""

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
    """Accepts events. `references`: whether events of a manifest list the manifest's references."""

    source: Source
    references: bool

    def wants(self, action: Action) -> bool:
        """Whether any endpoint wants such events; called before an event is made."""
        ...

    async def write(self, events: Sequence[Event]) -> None:
        """Store the events before the client gets a response. They are durable on return, unless there is no room for them,
        which is counted and logged. Does not raise."""
        ...

    def tell(self, event: Event) -> None:
        """Store an event soon, without waiting. For requests that change nothing: if the process dies first, the event is
        lost. Does not raise."""
        ...


def gone(repository: str, *, digest: str = "", tag: str = "") -> Target:
    """The target of a deletion: a manifest or blob, or a tag, which has no digest.

    Its empty fields are in the JSON, as they are in the reference implementation's.
    """
    return Target(media_type="", size=0, digest=digest, repository=repository, tag=tag)


def happened(action: Action, target: Target, request: Request, actor: Actor, source: Source) -> Event:
    """An event with a new id and the current time."""
    moment = datetime.datetime.now(datetime.UTC)
    return Event(str(uuid.uuid4()), moment, action, target, request, actor, source)
