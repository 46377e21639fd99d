"""`GET /v2/<name>/referrers/<digest>` (distribution-spec, "Listing referrers")."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from moorage.api.answer import Answer
from moorage.api.exchange import Exchange
from moorage.api.pages import Page, next_link
from moorage.digest import Digest
from moorage.manifest import OCI_INDEX, Descriptor
from moorage.wire import encode

PAGE_SIZE = 1000


class _Index(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str
    manifests: list[Descriptor]


async def get(exchange: Exchange) -> Answer:
    subject = Digest.parse(exchange.reference)
    repository = exchange.repository
    page = Page.of(exchange, PAGE_SIZE, PAGE_SIZE)
    wanted = exchange.parameter("artifactType")
    found = [
        entry
        for entry in await repository.referrers.of(subject)
        if entry.digest > page.last and (not wanted or entry.artifact_type == wanted)
    ]
    shown = found[: page.size]
    headers = [(b"oci-filters-applied", b"artifactType")] if wanted else []
    if shown and len(found) > len(shown):
        path = f"/v2/{repository.name}/referrers/{subject}"
        name, value = next_link(exchange, path, len(shown), shown[-1].digest)
        if wanted:
            value = value.replace(
                b'>; rel="next"', f'&{urlencode({"artifactType": wanted})}>; rel="next"'.encode()
            )
        headers.append((name, value))
    body = encode(_Index(2, OCI_INDEX, shown))
    length = (b"content-length", b"%d" % len(body))
    return Answer(200, [(b"content-type", OCI_INDEX.encode()), length, *headers], body)
