"""Events of pushes, pulls, mounts and deletions (Docker Registry, "Work with notifications").

A handler that changed something waits until its event is kept before it answers; pulls are reported without waiting. HEAD is not
a pull, and neither is a 304: a client that checks whether something exists, or has changed, has not fetched it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from moorage.api.exchange import Exchange
from moorage.digest import Digest
from moorage.events.base import BLOB, Action, Actor, Event, EventSink, Request, Target, gone, happened
from moorage.manifest import Descriptor, Manifest
from moorage.names import Tag
from moorage.observe import shown

MOST_LISTED: Final = 4 << 20
"""In bytes of manifests. The events of one request list no references if they would list more."""


async def manifest_pushed(
    exchange: Exchange, manifest: Manifest, digest: Digest, tags: Sequence[Tag]
) -> None:
    """One event for each tag, or one event without a tag."""
    if sink := _who_wants(exchange, "push"):
        named = tags or ("",)
        references = _references(sink, manifest, len(named))
        targets = [_manifest(exchange, manifest, digest, tag, references) for tag in named]
        await _keep(exchange, sink, "push", *targets)


def manifest_pulled(exchange: Exchange, manifest: Manifest, digest: Digest) -> None:
    if sink := _who_wants(exchange, "pull"):
        tag = "" if ":" in exchange.reference else exchange.reference
        target = _manifest(exchange, manifest, digest, tag, _references(sink, manifest, 1))
        sink.tell(_event(exchange, sink, "pull", target))


async def manifest_deleted(exchange: Exchange, digest: Digest, tags: Iterable[Tag]) -> None:
    """The tags are removed before the manifest, so their events come first."""
    if sink := _who_wants(exchange, "delete"):
        targets = [gone(exchange.name, tag=tag) for tag in tags]
        await _keep(exchange, sink, "delete", *targets, gone(exchange.name, digest=digest))


async def tag_deleted(exchange: Exchange, tag: Tag) -> None:
    if sink := _who_wants(exchange, "delete"):
        await _keep(exchange, sink, "delete", gone(exchange.name, tag=tag))


async def blob_pushed(exchange: Exchange, digest: Digest, size: int) -> None:
    if sink := _who_wants(exchange, "push"):
        await _keep(exchange, sink, "push", _blob(exchange, digest, size))


async def blob_mounted(exchange: Exchange, digest: Digest, size: int, source: str) -> None:
    if sink := _who_wants(exchange, "mount"):
        await _keep(exchange, sink, "mount", _blob(exchange, digest, size, source))


def blob_pulled(exchange: Exchange, digest: Digest, size: int) -> None:
    if sink := _who_wants(exchange, "pull"):
        sink.tell(_event(exchange, sink, "pull", _blob(exchange, digest, size)))


async def blob_deleted(exchange: Exchange, digest: Digest) -> None:
    if sink := _who_wants(exchange, "delete"):
        await _keep(exchange, sink, "delete", gone(exchange.name, digest=digest))


def _who_wants(exchange: Exchange, action: Action) -> EventSink | None:
    """The sink, if it wants events of this action; otherwise None, and no event is made."""
    sink = exchange.service.events
    return sink if sink is not None and sink.wants(action) else None


async def _keep(exchange: Exchange, sink: EventSink, action: Action, *targets: Target) -> None:
    await sink.write([_event(exchange, sink, action, target) for target in targets])


def _event(exchange: Exchange, sink: EventSink, action: Action, target: Target) -> Event:
    # Only the beginning of long headers, as in the logs: clients choose what is kept on the disk.
    request = Request(
        id=exchange.id,
        method=exchange.method,
        useragent=shown.header(exchange.header(b"user-agent")),
        addr=exchange.client,
        host=shown.header(exchange.header(b"host")),
    )
    return happened(action, target, request, Actor(exchange.grant.user), sink.source)


def _references(sink: EventSink, manifest: Manifest, events: int) -> list[Descriptor] | None:
    if not sink.references or len(manifest.payload) * events > MOST_LISTED:
        return None
    return [*manifest.blobs, *manifest.manifests]


def _manifest(
    exchange: Exchange, manifest: Manifest, digest: Digest, tag: str, references: list[Descriptor] | None
) -> Target:
    size = len(manifest.payload)
    return Target(
        media_type=manifest.media_type,
        size=size,
        length=size,
        digest=digest,
        repository=exchange.name,
        url=_url(exchange, "manifests", digest),
        tag=tag,
        references=references,
    )


def _blob(exchange: Exchange, digest: Digest, size: int, source: str = "") -> Target:
    return Target(
        media_type=BLOB,
        size=size,
        length=size,
        digest=digest,
        repository=exchange.name,
        from_repository=source,
        url=_url(exchange, "blobs", digest),
    )


def _url(exchange: Exchange, kind: str, digest: Digest) -> str:
    path = f"/v2/{exchange.name}/{kind}/{digest}"
    return exchange.service.locations.absolute(exchange.scope, path)
