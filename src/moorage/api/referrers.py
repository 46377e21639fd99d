"""`GET /v2/<name>/referrers/<digest>` (distribution-spec, "Listing referrers")."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

import msgspec

from moorage.api.answer import Answer, Watch
from moorage.api.exchange import Exchange
from moorage.api.pages import Page, next_link
from moorage.digest import Digest
from moorage.manifest import OCI_INDEX
from moorage.store.referrers import Referrer
from moorage.wire import encode

PAGE_SIZE: Final = 1000

PAGE_BYTES: Final = 4 << 20
"""Bytes of descriptors: a page ends before the one that would exceed it. A single descriptor may have as many annotations as fit
into a manifest."""


class _Index(msgspec.Struct, rename="camel"):
    schema_version: int
    media_type: str
    manifests: list[msgspec.Raw]


async def get(exchange: Exchange) -> Answer:
    subject = Digest.parse(exchange.reference)
    repository = exchange.repository
    page = Page.of(exchange, PAGE_SIZE, PAGE_SIZE)
    # No media type has a space: it is a plus sign that the client left as it is.
    wanted = (exchange.parameter("artifactType") or "").replace(" ", "+")
    size = page.size or 0
    found = repository.referrers.of(subject, after=page.last, artifact_type=wanted, most=size + 1)
    # Not beside a body: its end may look like that of the client, who still waits for the answer.
    async with contextlib.nullcontext() if exchange.unread else Watch(exchange.receive):
        shown, more = await _page(found, size)
    headers = [(b"oci-filters-applied", b"artifactType")] if wanted else []
    if shown and more:
        path = f"/v2/{repository.name}/referrers/{subject}"
        filtered = {"artifactType": wanted} if wanted else {}
        headers.append(next_link(exchange, path, size, shown[-1].digest, **filtered))
    body = encode(_Index(2, OCI_INDEX, [msgspec.Raw(entry.descriptor) for entry in shown]))
    return Answer.of(body, OCI_INDEX.encode(), headers=headers)


async def _page(found: AsyncGenerator[Referrer, None], size: int) -> tuple[list[Referrer], bool]:
    """The referrers that fit on a page, and whether there are more. The first one always fits, however large, unless `size` is
    0."""
    shown: list[Referrer] = []
    taken = 0
    async with contextlib.aclosing(found):
        async for entry in found:
            taken += len(entry.descriptor)
            if len(shown) == size or (shown and taken > PAGE_BYTES):
                return shown, True
            shown.append(entry)
    return shown, False
