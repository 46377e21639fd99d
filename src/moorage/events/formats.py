"""Request bodies made from stored events: the envelope of the reference implementation, and CloudEvents 1.0."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from moorage.events.endpoint import Format

CONTENT_TYPES: Final[dict[Format, str]] = {
    "v1": "application/vnd.docker.distribution.events.v1+json",
    "v2": "application/vnd.docker.distribution.events.v2+json",
    "cloudevents": "application/cloudevents+json",
}
BATCHED: Final = "application/cloudevents-batch+json"
TYPE_PREFIX: Final = "io.moorage."


class Body(NamedTuple):
    content_type: str
    content: bytes


class _Id(msgspec.Struct):
    id: str


class _Target(msgspec.Struct):
    repository: str
    tag: str = ""
    digest: str = ""


class _Source(msgspec.Struct):
    addr: str = ""


class _Told(_Id):
    """The fields of an event that a CloudEvent repeats beside the whole event."""

    timestamp: str
    action: str
    target: _Target
    source: _Source


class _CloudEvent(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    data: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_id = msgspec.json.Decoder(_Id).decode
_told = msgspec.json.Decoder(_Told).decode


def body(form: Format, events: Sequence[bytes], *, batched: bool) -> Body:
    """The body of a request. `batched`: the endpoint may get several events at once; otherwise there is exactly one.

    Envelopes are joined from the stored events without parsing them.
    """
    if form != "cloudevents":
        return Body(CONTENT_TYPES[form], b'{"events":[' + b",".join(events) + b"]}")
    if batched:
        return Body(BATCHED, _encode([_cloud_event(event) for event in events]))
    return Body(CONTENT_TYPES[form], _encode(_cloud_event(events[0])))


def message_id(events: Sequence[bytes]) -> str:
    """The id of the event, or for several events, an id derived from all of theirs.

    The id of the first would not do: a listener that has seen it would discard the request as a repetition, although there are
    more events in it this time.
    """
    ids = [_id(event).id for event in events]
    return ids[0] if len(ids) == 1 else str(uuid.uuid5(uuid.NAMESPACE_OID, " ".join(ids)))


def _cloud_event(event: bytes) -> _CloudEvent:
    """An event as a CloudEvent. Its type does not name the kind of target, as deletions do not distinguish manifests from blobs."""
    told = _told(event)
    target = told.target
    name = f":{target.tag}" if target.tag else f"@{target.digest}" if target.digest else ""
    return _CloudEvent(
        specversion="1.0",
        id=told.id,
        source=f"//{quote(told.source.addr, safe=':[]')}",
        type=TYPE_PREFIX + told.action,
        subject=target.repository + name,
        time=told.timestamp,
        datacontenttype="application/json",
        data=msgspec.Raw(event),
    )
