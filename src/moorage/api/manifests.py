"""`/v2/<name>/manifests/<reference>` (distribution-spec, "Pulling manifests", "Pushing manifests", "Deleting")."""

from __future__ import annotations

import contextlib
from functools import partial

from moorage.api import telling
from moorage.api.answer import Answer, RawHeaders
from moorage.api.body import BodyTooLarge
from moorage.api.conditions import check_precondition, check_write, guarded, unchanged
from moorage.api.exchange import Exchange
from moorage.api.memory import Claim
from moorage.digest import Digest
from moorage.errors import DigestInvalid, ManifestInvalid, ManifestTooLarge, ManifestUnknown, TagInvalid
from moorage.manifest import Manifest, check_type, parse
from moorage.names import Tag
from moorage.store.parsing import parse_aside

TAG_LIMIT = 80
"""Tags in one push. The answer has a header for each, beside up to twenty others, and clients such as Python's `http.client` refuse
more than 100 headers."""


async def get(exchange: Exchange) -> Answer:
    """The bytes as pushed, whatever the Accept header says: another form would have another digest."""
    digest, found = await _find(exchange)
    check_precondition(exchange, digest)
    tag = digest.encode()
    headers: RawHeaders = [(b"docker-content-digest", tag), (b"etag", b'"%b"' % tag)]
    if unchanged(exchange, digest):
        return Answer(304, headers)
    if exchange.method == "GET":
        telling.manifest_pulled(exchange, found, digest)
    headers.append((b"content-type", found.media_type.encode()))
    headers.append((b"content-length", b"%d" % len(found.payload)))
    return Answer(200, headers, found.payload)


async def _find(exchange: Exchange) -> tuple[Digest, Manifest]:
    """The manifest that the path names, and its digest. Raises ManifestUnknown."""
    manifests = exchange.repository.manifests
    if ":" in exchange.reference:
        digest = Digest.parse(exchange.reference)
        return digest, await manifests.get(digest)
    return await manifests.tagged(Tag.parse(exchange.reference))


async def put(exchange: Exchange) -> Answer:
    with exchange.service.manifests.claim() as claim:
        return await _put(exchange, claim)


async def _put(exchange: Exchange, claim: Claim) -> Answer:
    repository = exchange.repository
    reference = exchange.reference
    asked = [Tag.parse(text) for text in exchange.parameters("tag")]
    if len(asked) > TAG_LIMIT:
        raise TagInvalid(f"at most {TAG_LIMIT} tags in one request")
    digests = [Digest.parse(reference)] if ":" in reference else []
    tags = list(dict.fromkeys(asked if digests else [*asked, Tag.parse(reference)]))
    content_type = exchange.header(b"content-type") or ""
    check_type(content_type)
    payload = await _payload(exchange, claim)
    for digest in digests:
        if (got := Digest.of(payload, digest.algorithm)) != digest:
            raise DigestInvalid(detail={"digest": digest, "got": got})
    found = await parse_aside(payload, partial(parse, content_type=content_type))
    if guarded(exchange):
        await _check_replaced(exchange)
    canonical = await repository.manifests.put(found, digests, tags)
    answered = digests[0] if digests else canonical
    await telling.manifest_pushed(exchange, found, answered, tags)
    location = exchange.service.locations.of(exchange.scope, f"/v2/{repository.name}/manifests/{answered}")
    headers: RawHeaders = [
        (b"location", location.encode("latin-1")),
        (b"docker-content-digest", answered.encode()),
        *((b"oci-tag", tag.encode()) for tag in dict.fromkeys(asked)),
    ]
    if found.subject is not None:
        headers.append((b"oci-subject", found.subject.digest.encode()))
    return Answer.empty(201, headers)


async def _check_replaced(exchange: Exchange) -> None:
    """Raises PreconditionFailed. This comes after the body, so that little time is left in which another client could write."""
    current: Digest | None = None
    with contextlib.suppress(ManifestUnknown):
        current, _ = await _find(exchange)
    check_write(exchange, current)


async def _payload(exchange: Exchange, claim: Claim) -> bytes:
    limit = exchange.service.limits.manifest_bytes
    too_large = ManifestTooLarge(f"the manifest is larger than {limit} bytes")
    if (exchange.content_length or 0) > limit:
        raise too_large
    try:
        with exchange.service.uploads:
            async with exchange.service.arriving.place():
                payload = await exchange.body.read(limit, claim.grow)
    except BodyTooLarge:
        raise too_large from None
    if not payload:
        raise ManifestInvalid("the manifest is empty")
    return payload


async def delete(exchange: Exchange) -> Answer:
    """By tag: the tag goes, its manifest and its siblings stay. By digest: the manifest goes with all its tags."""
    repository = exchange.repository
    reference = exchange.reference
    if guarded(exchange):
        current, _ = await _find(exchange)
        check_write(exchange, current)
    if ":" in reference:
        digest = Digest.parse(reference)
        tags = await repository.manifests.delete(digest)
        await telling.manifest_deleted(exchange, digest, tags)
    else:
        tag = Tag.parse(reference)
        await repository.tags.delete(tag)
        await telling.tag_deleted(exchange, tag)
    return Answer.empty(202)
