"""`/v2/<name>/blobs/uploads/` and the sessions below it (distribution-spec, "Pushing blobs", "Cancel an upload")."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from moorage.api.answer import Answer, RawHeaders
from moorage.api.exchange import Exchange
from moorage.api.ranges import chunk
from moorage.digest import ALGORITHMS, Digest
from moorage.errors import (
    BlobUnknown,
    DigestInvalid,
    NameInvalid,
    RangeInvalid,
    SizeInvalid,
)
from moorage.names import Name, UploadId
from moorage.store.repository import Repository
from moorage.store.uploads import Progress, Upload


async def post(exchange: Exchange) -> Answer:
    """Mount a blob, take a whole one, or open a session."""
    repository = exchange.repository
    if mounted := await _mount(exchange, repository):
        return mounted
    digests = [Digest.parse(text) for text in exchange.parameters("digest")]
    algorithms = _algorithms(exchange, digests)
    with exchange.service.uploads.enter():
        upload = await repository.uploads.start()
        if not digests:
            return _accepted(exchange, upload, algorithms)
        return await _complete(exchange, repository, upload, digests, at=0)


async def _mount(exchange: Exchange, repository: Repository) -> Answer | None:
    """None when there is nothing to mount: the client then uploads (distribution-spec, "Mounting a blob")."""
    text = exchange.parameter("mount")
    if text is None:
        return None
    digest = Digest.parse(text)
    given = exchange.parameter("from")
    try:
        await repository.blobs.mount(digest, Name.parse(given) if given else None)
    except (BlobUnknown, NameInvalid):
        return None
    return _created(exchange, repository, digest)


def _algorithms(exchange: Exchange, digests: list[Digest]) -> list[str]:
    """What to hash beside sha256: as the client announces it, or as its digest tells."""
    named = exchange.parameter("digest-algorithm")
    if named is not None and named not in ALGORITHMS:
        raise DigestInvalid(f"supported digest algorithms are {', '.join(ALGORITHMS)}")
    wanted = {digest.algorithm for digest in digests} | ({named} if named else set())
    return sorted(wanted)


async def get(exchange: Exchange) -> Answer:
    _, upload, algorithms = await _resume(exchange)
    return Answer(204, _session(exchange, upload, algorithms))


async def patch(exchange: Exchange) -> Answer:
    with exchange.service.uploads.enter():
        _, upload, algorithms = await _resume(exchange)
        await _append(exchange, upload, algorithms)
    return _accepted(exchange, upload, algorithms)


async def put(exchange: Exchange) -> Answer:
    digests = [Digest.parse(text) for text in exchange.parameters("digest")]
    if not digests:
        raise DigestInvalid("the digest of the blob is missing: PUT …?digest=<digest>")
    with exchange.service.uploads.enter():
        repository, upload, _ = await _resume(exchange)
        return await _complete(exchange, repository, upload, digests)


async def delete(exchange: Exchange) -> Answer:
    _, upload, _ = await _resume(exchange)
    await upload.cancel()
    return Answer(204)


async def _resume(exchange: Exchange) -> tuple[Repository, Upload, list[str]]:
    """The session in the path, with what its signed state tells; a request without a state is taken too, since all
    that matters is in the storage."""
    repository = exchange.repository
    name = UploadId.parse(exchange.reference)
    known: Progress | None = None
    algorithms: list[str] = []
    if state := exchange.parameter("_state"):
        known, algorithms = exchange.service.states.verify(state, repository.name, name)
    upload = await repository.uploads.resume(name, known)
    return repository, upload, algorithms


async def _append(exchange: Exchange, upload: Upload, algorithms: list[str], at: int | None = None) -> None:
    """Raises RangeInvalid with the Range and Location to go on from."""
    length = _content_length(exchange)
    given = exchange.header(b"content-range")
    try:
        if given:
            at, size = chunk(given)
            if length is not None and length != size:
                raise SizeInvalid(f"Content-Range has {size} bytes, Content-Length {length}")
            body = _exactly(aiter(exchange.body), size)
        else:
            body = aiter(exchange.body)
        await upload.append(body, at=at, algorithms=algorithms)
    except RangeInvalid as error:
        session = _session(exchange, upload, algorithms)
        error.headers = {key.decode().title(): value.decode("latin-1") for key, value in session}
        raise


async def _exactly(body: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """A chunk without a Content-Length may not be longer than its range."""
    received = 0
    async for piece in body:
        received += len(piece)
        if received > size:
            raise SizeInvalid(f"the chunk is longer than the {size} bytes of its Content-Range")
        yield piece
    if received < size:
        raise SizeInvalid(f"the chunk has {received} bytes, its Content-Range {size}")


def _content_length(exchange: Exchange) -> int | None:
    text = exchange.header(b"content-length")
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


async def _complete(
    exchange: Exchange,
    repository: Repository,
    upload: Upload,
    digests: list[Digest],
    at: int | None = None,
) -> Answer:
    algorithms = sorted({digest.algorithm for digest in digests})
    if _content_length(exchange) != 0:
        await _append(exchange, upload, algorithms, at)
    await upload.commit(digests)
    return _created(exchange, repository, digests[0])


def _created(exchange: Exchange, repository: Repository, digest: Digest) -> Answer:
    location = exchange.service.locations.of(exchange.scope, f"/v2/{repository.name}/blobs/{digest}")
    return Answer.empty(
        201, [(b"location", location.encode("latin-1")), (b"docker-content-digest", digest.encode())]
    )


def _accepted(exchange: Exchange, upload: Upload, algorithms: list[str]) -> Answer:
    return Answer.empty(202, _session(exchange, upload, algorithms))


def _session(exchange: Exchange, upload: Upload, algorithms: list[str]) -> RawHeaders:
    """Where to go on, and from which byte. `Range: 0-0` also for a session without any (Docker Registry HTTP API
    V2, "Starting an upload")."""
    name = Name(exchange.name)
    service = exchange.service
    state = service.states.sign(name, upload.id, upload.progress, algorithms)
    path = f"/v2/{name}/blobs/uploads/{upload.id}?{urlencode({'_state': state})}"
    return [
        (b"location", service.locations.of(exchange.scope, path).encode("latin-1")),
        (b"range", b"0-%d" % max(0, upload.size - 1)),
        (b"docker-upload-uuid", upload.id.encode()),
    ]
