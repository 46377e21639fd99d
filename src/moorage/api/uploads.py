"""`/v2/<name>/blobs/uploads/` and the sessions below it (distribution-spec, "Pushing blobs", "Cancel an upload")."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from moorage.api import telling
from moorage.api.answer import Answer, RawHeaders
from moorage.api.exchange import Exchange
from moorage.api.ranges import chunk
from moorage.api.resume import UNKNOWN, Beginning
from moorage.auth.base import Access
from moorage.digest import ALGORITHMS, CANONICAL, Digest, Hashes
from moorage.drivers.base import DriverError
from moorage.errors import (
    BlobUnknown,
    DigestInvalid,
    NameInvalid,
    RangeInvalid,
    SizeInvalid,
    UploadUnknown,
)
from moorage.names import Name, UploadId
from moorage.store.blobstore import Blob
from moorage.store.repository import Repository
from moorage.store.uploads import Upload


async def post(exchange: Exchange) -> Answer:
    """Mount a blob, take a whole one, or open a session."""
    repository = exchange.repository
    # Before the storage is asked: a token that was valid until now is good for the whole upload.
    beginning = Beginning(exchange.grant.user, time.time())
    if mounted := await _mount(exchange, repository):
        return mounted
    digests = [Digest.parse(text) for text in exchange.parameters("digest")]
    algorithms = _algorithms(exchange, digests)
    with exchange.service.uploads:
        upload = await repository.uploads.start()
        if not digests:
            answer = _accepted(exchange, _Session(upload, algorithms, 0, beginning))
            if least := repository.uploads.least_chunk:
                answer.headers.append((b"oci-chunk-min-length", b"%d" % least))
            return answer
        try:
            answer = await _complete(exchange, _Session(upload, algorithms, 0), digests)
            answer.headers.append((b"docker-upload-uuid", upload.id.encode()))
            return answer
        except BaseException as error:
            # Nobody was told of the session, so nobody can go on with it.
            if isinstance(error, RangeInvalid):
                error.headers.clear()
            with contextlib.suppress(UploadUnknown, DriverError):
                await upload.cancel()
            raise


async def _mount(exchange: Exchange, repository: Repository) -> Answer | None:
    """None when there is nothing to mount, or nothing that the client may pull: the client then uploads (distribution-spec,
    "Mounting a blob")."""
    text = exchange.parameter("mount")
    if text is None:
        return None
    given = exchange.parameter("from")
    grant = exchange.grant
    if not grant.unlimited and not (given and grant.allows(Access("repository", given, "pull"))):
        return None
    try:
        digest = Digest.parse(text)
        blob = await repository.blobs.mount(digest, Name.parse(given) if given else None)
    except (BlobUnknown, DigestInvalid, NameInvalid):
        return None
    exchange.mounted = True
    await telling.blob_mounted(exchange, digest, blob.size, given or "")
    return _created(exchange, digest)


def _algorithms(exchange: Exchange, digests: list[Digest]) -> list[str]:
    """What to hash beside sha256: as the client announces it, or as its digest tells."""
    named = exchange.parameter("digest-algorithm")
    if named is not None and named not in ALGORITHMS:
        raise DigestInvalid(f"supported digest algorithms are {', '.join(ALGORITHMS)}")
    wanted = {digest.algorithm for digest in digests} | ({named} if named else set())
    return sorted(wanted)


async def get(exchange: Exchange) -> Answer:
    session = await _resume(exchange, ask=True)
    return Answer(204, _headers(exchange, session))


async def patch(exchange: Exchange) -> Answer:
    with exchange.service.uploads:
        session = await _resume(exchange)
        await _append(exchange, session)
    return _accepted(exchange, session)


async def put(exchange: Exchange) -> Answer:
    digests = [Digest.parse(text) for text in exchange.parameters("digest")]
    if not digests:
        raise DigestInvalid("the digest of the blob is missing: PUT …?digest=<digest>")
    with exchange.service.uploads:
        try:
            return await _complete(exchange, await _resume(exchange), digests)
        except UploadUnknown:
            if answer := await _completed(exchange, digests):
                return answer
            raise


async def _completed(exchange: Exchange, digests: list[Digest]) -> Answer | None:
    """The answer to a request that ended an upload before, and got none: the registry died then, or the connection, and the
    client or a proxy sends it again. That the session was here shows in its signed state, what became of it in the blobs.
    None for a session that did not end in these. Raises UploadUnknown, UploadInvalid, and DigestInvalid for other bytes."""
    if not (state := exchange.parameter("_state")):
        return None
    repository = exchange.repository
    known = exchange.service.states.verify(state, repository.name, UploadId.parse(exchange.reference))
    try:
        blobs = [await repository.blobs.stat(digest) for digest in digests]
        await _check_end(exchange, blobs[0], known.progress.size)
    except BlobUnknown:
        return None
    await telling.blob_pushed(exchange, digests[0], blobs[0].size)
    return _created(exchange, digests[0])


async def _check_end(exchange: Exchange, blob: Blob, start: int) -> None:
    """Raises DigestInvalid unless the body, if there is one, is the end of the blob from `start` on."""
    if given := exchange.header(b"content-range"):
        start, _ = chunk(given)
    hashes = Hashes()
    async for piece in exchange.body:
        hashes.update([piece])
    if not exchange.received:
        return
    if start + exchange.received != blob.size:
        raise DigestInvalid
    # Over a network the end of the session may show only after some of the body was taken, and then only its size is known.
    if hashes.size == exchange.received:
        end = await exchange.repository.blobs.digest_from(blob, start)
        if hashes.digests()[CANONICAL] != end:
            raise DigestInvalid


async def delete(exchange: Exchange) -> Answer:
    session = await _resume(exchange)
    await session.upload.cancel()
    return Answer(204)


@dataclass(frozen=True)
class _Session:
    """`at` is the offset that the client believes to be at; None without a state. The state also tells the beginning."""

    upload: Upload
    algorithms: list[str]
    at: int | None
    beginning: Beginning = UNKNOWN


async def _resume(exchange: Exchange, *, ask: bool = False) -> _Session:
    """The session in the path, with what its signed state tells; a request without a state is taken too, since all
    that matters is in the storage."""
    repository = exchange.repository
    name = UploadId.parse(exchange.reference)
    if not (state := exchange.parameter("_state")):
        return _Session(await repository.uploads.resume(name), [], None)
    known = exchange.service.states.verify(state, repository.name, name)
    upload = await repository.uploads.resume(name, known.progress, ask=ask)
    return _Session(upload, known.algorithms, known.progress.size, known.beginning)


async def _append(exchange: Exchange, session: _Session) -> None:
    length = exchange.content_length
    given = exchange.header(b"content-range")
    at = session.at
    with _going_on(exchange, session):
        body = aiter(exchange.body)
        if given:
            at, size = chunk(given)
            if length is not None and length != size:
                raise SizeInvalid(f"Content-Range has {size} bytes, Content-Length {length}")
            body = _exactly(body, size)
        await session.upload.append(body, at=at, algorithms=session.algorithms)


@contextlib.contextmanager
def _going_on(exchange: Exchange, session: _Session) -> Iterator[None]:
    """A RangeInvalid gets the Range and Location to go on from."""
    try:
        yield
    except RangeInvalid as error:
        headers = _headers(exchange, session)
        error.headers = {key.decode().title(): value.decode("latin-1") for key, value in headers}
        raise


async def _exactly(body: AsyncIterator[bytes], size: int) -> AsyncGenerator[bytes]:
    """A chunk without a Content-Length may not be longer than its range."""
    received = 0
    async for piece in body:
        received += len(piece)
        if received > size:
            raise SizeInvalid(f"the chunk is longer than the {size} bytes of its Content-Range")
        yield piece
    if received < size:
        raise SizeInvalid(f"the chunk has {received} bytes, its Content-Range {size}")


async def _complete(exchange: Exchange, session: _Session, digests: list[Digest]) -> Answer:
    length, at = exchange.content_length, session.at
    in_one = not exchange.header(b"content-range")
    if length and in_one and await session.upload.receive(aiter(exchange.body), length, digests):
        await telling.blob_pushed(exchange, digests[0], length)
        return _created(exchange, digests[0])
    if not in_one or not await exchange.without_body():
        await _append(exchange, replace(session, algorithms=sorted({one.algorithm for one in digests})))
        at = None
    with _going_on(exchange, session):
        blob = await session.upload.commit(digests, at=at)
    await telling.blob_pushed(exchange, digests[0], blob.size)
    return _created(exchange, digests[0])


def _created(exchange: Exchange, digest: Digest) -> Answer:
    location = exchange.service.locations.of(exchange.scope, f"/v2/{exchange.name}/blobs/{digest}")
    return Answer.empty(
        201, [(b"location", location.encode("latin-1")), (b"docker-content-digest", digest.encode())]
    )


def _accepted(exchange: Exchange, session: _Session) -> Answer:
    return Answer.empty(202, _headers(exchange, session))


def _headers(exchange: Exchange, session: _Session) -> RawHeaders:
    """Where to go on, and from which byte. `Range: 0-0` also for a session without any (Docker Registry HTTP API
    V2, "Starting an upload")."""
    name, upload = Name(exchange.name), session.upload
    service = exchange.service
    state = service.states.sign(name, upload.id, upload.progress, session.algorithms, session.beginning)
    path = f"/v2/{name}/blobs/uploads/{upload.id}?{urlencode({'_state': state})}"
    return [
        (b"location", service.locations.of(exchange.scope, path).encode("latin-1")),
        (b"range", b"0-%d" % max(0, upload.size - 1)),
        (b"docker-upload-uuid", upload.id.encode()),
    ]
