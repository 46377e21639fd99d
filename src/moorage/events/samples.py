"""Sample events to test an endpoint with: one for each action, in a repository whose name is clearly not a real one."""

from __future__ import annotations

import uuid
from typing import Final

from moorage.events.base import BLOB, Actor, Event, Request, Source, Target, gone, happened
from moorage.manifest import OCI_MANIFEST

REPOSITORY: Final = "moorage-events-test/image"
DIGEST: Final = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def samples(source: Source) -> list[Event]:
    """The sample events, in the order push, pull, mount, delete."""
    url = f"http://{source.addr}/v2/{REPOSITORY}"
    image = Target(
        media_type=OCI_MANIFEST,
        size=2,
        length=2,
        digest=DIGEST,
        repository=REPOSITORY,
        url=f"{url}/manifests/{DIGEST}",
        tag="test",
    )
    blob = Target(
        media_type=BLOB,
        size=2,
        length=2,
        digest=DIGEST,
        repository=REPOSITORY,
        from_repository=f"{REPOSITORY}-base",
        url=f"{url}/blobs/{DIGEST}",
    )
    return [
        happened("push", image, _request("PUT", source), Actor("tester"), source),
        happened("pull", image, _request("GET", source), Actor("tester"), source),
        happened("mount", blob, _request("POST", source), Actor("tester"), source),
        happened("delete", gone(REPOSITORY, tag="test"), _request("DELETE", source), Actor("tester"), source),
    ]


def _request(method: str, source: Source) -> Request:
    return Request(
        id=str(uuid.uuid4()),
        method=method,
        useragent="moorage events test",
        addr="127.0.0.1",
        host=source.addr,
    )
