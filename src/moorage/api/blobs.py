"""`/v2/<name>/blobs/<digest>` (distribution-spec, "Pulling blobs", "Deleting blobs")."""

from __future__ import annotations

from moorage.api import ranges, telling
from moorage.api.answer import Answer, RawHeaders
from moorage.api.conditions import check_precondition, check_write, guarded, ranges_apply, unchanged
from moorage.api.exchange import Exchange
from moorage.digest import Digest
from moorage.drivers.base import Part, Reader

_LASTING = (b"cache-control", b"max-age=31536000, immutable")
"""The digest names these bytes forever."""
_CONTENT = ((b"content-type", b"application/octet-stream"), (b"accept-ranges", b"bytes"), _LASTING)


def _headers(digest: Digest, size: int) -> RawHeaders:
    tag = digest.encode()
    return [
        *_CONTENT,
        (b"content-length", b"%d" % size),
        (b"docker-content-digest", tag),
        (b"etag", b'"%b"' % tag),
    ]


async def head(exchange: Exchange) -> Answer:
    digest = Digest.parse(exchange.reference)
    blob = await exchange.repository.blobs.stat(digest)
    if _client_has(exchange, digest):
        return _not_modified(digest)
    return Answer(200, _headers(digest, blob.size))


async def get(exchange: Exchange) -> Answer:
    """The file is opened before the answer begins, so a 200 always has its bytes."""
    digest = Digest.parse(exchange.reference)
    blobs = exchange.repository.blobs
    if blobs.redirects and (answer := await _redirect(exchange, digest)):
        return answer
    expected = None
    if blobs.distant and _asks_for_less(exchange):
        size = (await blobs.stat(digest)).size
        if _client_has(exchange, digest):
            return _not_modified(digest)
        expected = _part(exchange, digest, size)
    reader = await blobs.open(digest, expected)
    try:
        if _client_has(exchange, digest):
            reader.close()
            return _not_modified(digest)
        part = _pulled(exchange, digest, reader.size)
        if part is None:
            return _content(200, _headers(digest, reader.size), reader, 0, reader.size)
        start, stop = part
        headers = _headers(digest, stop - start)
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, reader.size)))
        return _content(206, headers, reader, start, stop)
    except BaseException:
        reader.close()
        raise


def _asks_for_less(exchange: Exchange) -> bool:
    """Whether the answer may lack some of the blob: then it is looked up before it is opened where opening it means that a store
    sends it."""
    return any(exchange.header(name) is not None for name in (b"range", b"if-none-match", b"if-match"))


def _client_has(exchange: Exchange, digest: Digest) -> bool:
    """Whether the client has the blob already. Raises PreconditionFailed."""
    check_precondition(exchange, digest)
    return unchanged(exchange, digest)


def _part(exchange: Exchange, digest: Digest, size: int) -> Part | None:
    """The part of the blob that is asked for, None for the whole. Raises RangeInvalid."""
    return ranges.wanted(exchange.header(b"range"), size) if ranges_apply(exchange, digest) else None


def _pulled(exchange: Exchange, digest: Digest, size: int) -> Part | None:
    """Tell of the pull, and return its part. A layer that is fetched in several parts counts as one pull, at the first part."""
    part = _part(exchange, digest, size)
    if part is None or part[0] == 0:
        telling.blob_pulled(exchange, digest, size)
    return part


async def _redirect(exchange: Exchange, digest: Digest) -> Answer | None:
    """A redirect to where the storage, or the middleware around it, serves the bytes; None if there is no such place. The blob
    is looked up first, so no client is sent to one that does not exist; and a client that has the bytes already gets a 304."""
    found = await exchange.repository.blobs.direct(digest, exchange.method, exchange.client)
    if found is None:
        return None
    url, blob = found
    if _client_has(exchange, digest):
        return _not_modified(digest)
    _pulled(exchange, digest, blob.size)
    # HTTP/1.0, which Granian calls "1", does not know 307.
    status = 302 if exchange.scope["http_version"] in ("1", "1.0") else 307
    return Answer.empty(
        status, [(b"location", url.encode("latin-1")), (b"docker-content-digest", digest.encode())]
    )


def _content(status: int, headers: RawHeaders, reader: Reader, start: int, stop: int) -> Answer:
    if reader.data is None:
        return Answer(status, headers, reader=reader, start=start, stop=stop)
    return Answer(status, headers, reader.data[start:stop])


def _not_modified(digest: Digest) -> Answer:
    tag = digest.encode()
    return Answer(304, [_LASTING, (b"docker-content-digest", tag), (b"etag", b'"%b"' % tag)])


async def delete(exchange: Exchange) -> Answer:
    digest = Digest.parse(exchange.reference)
    if guarded(exchange):
        await exchange.repository.blobs.stat(digest)
        check_write(exchange, digest)
    await exchange.repository.blobs.delete(digest)
    await telling.blob_deleted(exchange, digest)
    return Answer.empty(202, [(b"docker-content-digest", digest.encode())])
