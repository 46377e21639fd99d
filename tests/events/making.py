"""Events for tests, as they are kept."""

from __future__ import annotations

import msgspec

from moorage.events.base import Actor, Event, Request, Source, Target, happened

DIGEST = "sha256:" + "a" * 64


def event(repository: str = "team/app", tag: str = "latest") -> Event:
    target = Target(
        media_type="application/vnd.oci.image.manifest.v1+json",
        size=708,
        length=708,
        digest=DIGEST,
        repository=repository,
        url=f"http://registry.example.com/v2/{repository}/manifests/{DIGEST}",
        tag=tag,
    )
    request = Request(id="1", method="PUT", useragent="docker/29", host="registry.example.com")
    return happened("push", target, request, Actor("alice"), Source("registry:5000", "instance"))


def kept(repository: str = "team/app", tag: str = "latest") -> bytes:
    return msgspec.json.encode(event(repository, tag))


def identity(event: bytes) -> str:
    found: str = msgspec.json.decode(event)["id"]
    return found
