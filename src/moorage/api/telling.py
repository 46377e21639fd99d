"""What handlers tell of: events of pushes, pulls, mounts and deletions (Docker Registry, "Work with notifications").

A handler that changed something waits until its event is kept, before it answers. What it only read, it tells without
waiting. HEAD is no pull: who asks whether something is there, or still the same, has not fetched it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from moorage.api.exchange import Exchange
from moorage.api.proxies import client_address
from moorage.digest import Digest
from moorage.events.base import BLOB, Action, Actor, Event, Request, Target, gone, happened
from moorage.manifest import Descriptor, Manifest
from moorage.names import Tag


async def manifest_pushed(
    exchange: Exchange, manifest: Manifest, digest: Digest, tags: Sequence[Tag]
) -> None:
    """One event for each tag; one without a tag if there is none."""
    if (sink := exchange.service.events) is not None:
        targets = [_manifest(exchange, manifest, digest, tag) for tag in tags or ("",)]
        await sink.write([_event(exchange, "push", target) for target in targets])


def manifest_pulled(exchange: Exchange, manifest: Manifest, digest: Digest) -> None:
    if (sink := exchange.service.events) is not None and sink.wants("pull"):
        tag = "" if ":" in exchange.reference else exchange.reference
        sink.tell(_event(exchange, "pull", _manifest(exchange, manifest, digest, tag)))


async def manifest_deleted(exchange: Exchange, digest: Digest, tags: Iterable[Tag]) -> None:
    """Its tags went before it, so they are told first."""
    if (sink := exchange.service.events) is not None:
        targets = [gone(exchange.name, tag=tag) for tag in tags]
        targets.append(gone(exchange.name, digest=digest))
        await sink.write([_event(exchange, "delete", target) for target in targets])


async def tag_deleted(exchange: Exchange, tag: Tag) -> None:
    if (sink := exchange.service.events) is not None:
        await sink.write([_event(exchange, "delete", gone(exchange.name, tag=tag))])


async def blob_pushed(exchange: Exchange, digest: Digest, size: int) -> None:
    if (sink := exchange.service.events) is not None:
        await sink.write([_event(exchange, "push", _blob(exchange, digest, size))])


async def blob_mounted(exchange: Exchange, digest: Digest, size: int, source: str) -> None:
    if (sink := exchange.service.events) is not None:
        await sink.write([_event(exchange, "mount", _blob(exchange, digest, size, source))])


def blob_pulled(exchange: Exchange, digest: Digest, size: int) -> None:
    if (sink := exchange.service.events) is not None and sink.wants("pull"):
        sink.tell(_event(exchange, "pull", _blob(exchange, digest, size)))


async def blob_deleted(exchange: Exchange, digest: Digest) -> None:
    if (sink := exchange.service.events) is not None:
        await sink.write([_event(exchange, "delete", gone(exchange.name, digest=digest))])


def _event(exchange: Exchange, action: Action, target: Target) -> Event:
    assert exchange.service.events is not None
    request = Request(
        id=exchange.id,
        method=exchange.method,
        useragent=exchange.header(b"user-agent") or "",
        addr=client_address(exchange.scope, exchange.service.locations.trusted),
        host=exchange.header(b"host") or "",
    )
    return happened(action, target, request, Actor(exchange.grant.user), exchange.service.events.source)


def _manifest(exchange: Exchange, manifest: Manifest, digest: Digest, tag: str) -> Target:
    assert exchange.service.events is not None
    size = len(manifest.payload)
    return Target(
        media_type=manifest.media_type,
        size=size,
        length=size,
        digest=digest,
        repository=exchange.name,
        url=_url(exchange, "manifests", digest),
        tag=tag,
        references=_references(manifest) if exchange.service.events.references else None,
    )


def _references(manifest: Manifest) -> list[Descriptor]:
    return [*manifest.blobs, *manifest.manifests]


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
