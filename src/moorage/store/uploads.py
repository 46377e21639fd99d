"""Upload sessions: bytes that arrive in any number of requests, on any process, until their digest is known.

The session's file is the only source of truth. Running hashes are kept in the memory of this process, and digests
travel in the signed state that the client carries. If neither helps, the file is read once more before it becomes a
blob.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from moorage.digest import CANONICAL, Digest, Hashes
from moorage.drivers.base import Driver, PathBusy, PathNotFound, StorageFull, Writer, ignore
from moorage.errors import DigestInvalid, RangeInvalid, UploadUnknown
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.blobs import RepositoryBlobs
from moorage.store.blobstore import Blob
from moorage.store.hashing import Hashing, Progress, read_through

log = logging.getLogger(__name__)

BATCHES: Final = 4
"""Batches of one upload in memory: one is being collected, the others wait to be written."""

PIECES: Final = 512
"""Pieces of a batch that are kept apart: a client may send such small ones that each takes much more memory than its bytes."""

BUSY_SECONDS: Final = 5.0
"""How long a request waits for the session's previous one, whose client may have just disconnected."""

WAITING, WAITING_IN_ALL = 2, 32
"""Requests that wait for one session, and for any: meanwhile, what the server has read of their bodies is in memory, with HTTP/2 a
whole window of each connection."""


class Batches(Protocol):
    """Decides how much of an upload to hold in memory."""

    def reserve(self) -> int:
        """The size of a batch in bytes. Up to `BATCHES` of them are held at a time."""
        ...

    def release(self, size: int) -> None: ...


class OneMebibyte:
    """A fixed batch size, for uses in which memory is not a concern."""

    def reserve(self) -> int:
        return 1 << 20

    def release(self, size: int) -> None:
        return None


class Uploads:
    """The sessions of one repository. `batches` decides how many bytes to write at a time."""

    def __init__(
        self,
        name: Name,
        driver: Driver,
        blobs: RepositoryBlobs,
        hashing: Hashing,
        batches: Batches,
    ) -> None:
        self.name = name
        self.driver = driver
        self.blobs = blobs
        self.hashing = hashing
        self.batches = batches

    @property
    def least_chunk(self) -> int:
        """In bytes. Smaller chunks, but for the last one, cost more; 0 where their size does not matter."""
        return self.driver.least_chunk

    async def start(self) -> Upload:
        upload = UploadId.new()
        started = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        mark = await self.driver.begin(
            layout.upload_started(self.name, upload), started.encode(), layout.upload_data(self.name, upload)
        )
        return Upload(self, upload, Progress(mark=mark))

    async def resume(self, upload: UploadId, known: Progress | None = None, *, ask: bool = False) -> Upload:
        """Continue a session. `known` comes from the client's signed state. With it, the storage is only asked if `ask` is set:
        whoever needs the bytes notices that there are others, or none. Raises UploadUnknown."""
        if known is not None and not ask:
            return Upload(self, upload, known)
        try:
            size = (await self.driver.written(layout.upload_data(self.name, upload))).size
        except PathNotFound:
            if known is None or not known.leaves_no_trace:
                raise UploadUnknown(detail={"uuid": upload}) from None
            return Upload(self, upload, known)
        if known is None or known.mark or known.size != size:
            known = Progress(size)
        return Upload(self, upload, known)


class Upload:
    """One session. `progress` is as of the last request through this object."""

    def __init__(self, uploads: Uploads, upload: UploadId, progress: Progress) -> None:
        self._uploads = uploads
        self._folder = layout.upload(uploads.name, upload)
        self._path = layout.upload_data(uploads.name, upload)
        self._started = layout.upload_started(uploads.name, upload)
        self.id = upload
        self.progress = progress

    @property
    def size(self) -> int:
        return self.progress.size

    async def append(
        self, body: AsyncIterator[bytes], *, at: int | None, algorithms: Iterable[str] = ()
    ) -> None:
        """Append the body, at offset `at` unless that is None. Raises RangeInvalid if the session ends at another offset or
        another request is writing, StorageFull (after which the session is gone), UploadUnknown if the session was cancelled, also
        meanwhile, and whatever the body raises (after which the bytes that had arrived by then are kept)."""
        writer = await self._writer()
        hashes: Hashes | None = None
        try:
            self.progress = Progress(writer.size, writer.mark)
            if at is not None and at != writer.size:
                raise RangeInvalid(f"the upload has {writer.size} bytes, the chunk starts at {at}")
            hashes = self._uploads.hashing.take(self.id, writer.mark, writer.size, algorithms)
            await self._receive(body, writer, hashes)
        except PathNotFound:
            hashes = None
            raise UploadUnknown(detail={"uuid": self.id}) from None
        except StorageFull:
            hashes = None
            await self._abandon()
            raise
        finally:
            await writer.close()
            if hashes is not None and hashes.size == writer.size:
                self._uploads.hashing.keep(self.id, writer.mark, hashes)
                self.progress = Progress(writer.size, writer.mark, hashes.digests())
            else:
                self.progress = Progress(writer.size, writer.mark)

    async def _receive(self, body: AsyncIterator[bytes], writer: Writer, hashes: Hashes | None) -> None:
        """Collect each batch while the previous ones are written and hashed."""
        meanwhile = ignore if hashes is None else hashes.update
        try:
            await self._collect(
                body, lambda pieces, batch: writer.write(pieces, meanwhile, ahead=(BATCHES - 1) * batch)
            )
        finally:
            await writer.flush()

    async def _collect(
        self, body: AsyncIterator[bytes], take: Callable[[list[bytes], int], Awaitable[None]]
    ) -> None:
        """Pass the body to `take` in batches, with the size of a full one. The last batch is passed even if the body ends
        with an error."""
        pieces: list[bytes] = []
        collected = 0
        batch = self._uploads.batches.reserve()
        try:
            async for piece in body:
                pieces.append(piece)
                collected += len(piece)
                if len(pieces) >= PIECES:
                    pieces = [b"".join(pieces)]
                if collected >= batch:
                    full, pieces, collected = pieces, [], 0
                    await take(full, batch)
        finally:
            self._uploads.batches.release(batch)
            if pieces:
                await take(pieces, batch)

    async def receive(self, body: AsyncIterator[bytes], size: int, expected: Sequence[Digest]) -> bool:
        """Receive a whole blob in one request and write it straight to its final place, where it appears only if its digests
        are right. Returns False, with nothing read, if that is not possible or the driver gains nothing by it. Raises
        DigestInvalid, and whatever the body raises; nothing is kept then."""
        canonical = next((digest for digest in expected if digest.canonical), None)
        if canonical is None or self.size:
            return False
        creation = self._uploads.driver.create(layout.blob_data(canonical), size)
        if creation is None:
            return False
        hashes = Hashes(digest.algorithm for digest in expected)
        try:
            await self._collect(
                body, lambda pieces, batch: creation.write(pieces, hashes.update, ahead=batch)
            )
            await creation.flush()
            _compare(hashes.digests(), expected)
        except BaseException:
            await creation.abort()
            raise
        await creation.commit()
        await self._uploads.blobs.link(Blob(canonical, hashes.size), tuple(expected))
        return True

    async def commit(self, expected: Sequence[Digest], *, at: int | None = None) -> Blob:
        """Turn the session into a blob that this repository serves under every expected digest. `at`: the offset that the client
        believes to be at. Raises RangeInvalid if the session ends at another one and has not these digests, DigestInvalid (the
        bytes are not what the client meant) or StorageFull, after which the session is gone, and what `_writer` raises."""
        writer = await self._writer()
        try:
            found = await self._digests(writer, {digest.algorithm for digest in expected})
            try:
                _compare(found, expected)
            except DigestInvalid:
                if at in (None, writer.size):
                    raise
                # Somebody else writes to this session, or did, and may be right.
                self.progress = Progress(writer.size, writer.mark, found)
                raise RangeInvalid(
                    f"the upload has {writer.size} bytes, the request ends it at {at}"
                ) from None
            blob = Blob(found[CANONICAL], writer.size)
            # First the file, so that the folder need not be listed.
            await self._uploads.blobs.adopt(
                self._path, blob, tuple(expected), mark=writer.mark, remove=(self._started, self._folder)
            )
            self._uploads.hashing.drop(self.id, writer.mark)
        except PathNotFound:
            raise UploadUnknown(detail={"uuid": self.id}) from None
        except (DigestInvalid, StorageFull):
            await self._abandon()
            raise
        finally:
            await writer.close()
        return blob

    async def _digests(self, writer: Writer, algorithms: set[str]) -> Mapping[str, Digest]:
        wanted, size = algorithms | {CANONICAL}, writer.size
        hashes = self._uploads.hashing.take(self.id, writer.mark, size, algorithms)
        if hashes is not None:
            return hashes.digests()
        same = (self.progress.size, self.progress.mark) == (size, writer.mark)
        if same and wanted <= self.progress.digests.keys():
            return self.progress.digests
        log.info("reading an upload once more for its digest", extra={"upload": self.id, "size": size})
        hashes = Hashes(algorithms)
        reader = await self._uploads.driver.open(self._path, mark=writer.mark)
        try:
            await read_through(reader, 0, size, hashes)
        finally:
            reader.close()
        return hashes.digests()

    async def cancel(self) -> None:
        """Remove the session and its bytes. Raises UploadUnknown."""
        self._uploads.hashing.drop(self.id, self.progress.mark)
        try:
            await self._uploads.driver.delete(self._folder, durable=False)
        except PathNotFound:
            if self.progress.leaves_no_trace:
                return
            raise UploadUnknown(detail={"uuid": self.id}) from None

    async def _abandon(self) -> None:
        """Like `cancel`, but the session need not exist."""
        with contextlib.suppress(UploadUnknown):
            await self.cancel()

    async def _writer(self) -> Writer:
        """The session's file, locked. Raises UploadUnknown, and RangeInvalid if another request holds it for too long or too
        many wait for it.

        Only `start` makes the file, under an id that is never reused. Otherwise a client could cancel a session and
        continue it, and signed or cached digests of the old bytes would be applied to the new ones."""
        if writer := await self._writer_now() or await self._writer_soon():
            return writer
        # The client is told where to go on.
        self.progress = (await self._uploads.resume(self.id, self.progress, ask=True)).progress
        raise RangeInvalid("another request is writing to this upload")

    async def _writer_soon(self) -> Writer | None:
        """None if another request holds the session's file for too long, or too many wait for it. Raises UploadUnknown."""
        if _waiting[self.id] >= WAITING or _waiting.total() >= WAITING_IN_ALL:
            return None
        _waiting[self.id] += 1
        try:
            deadline = asyncio.get_running_loop().time() + BUSY_SECONDS
            while asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.05)
                if (writer := await self._writer_now()) is not None:
                    return writer
            return None
        finally:
            _waiting[self.id] -= 1
            if not _waiting[self.id]:
                del _waiting[self.id]

    async def _writer_now(self) -> Writer | None:
        """None while another request holds the session's file. Raises UploadUnknown."""
        try:
            return await self._uploads.driver.writer(self._path, mark=self.progress.mark, begun=True)
        except PathNotFound:
            raise UploadUnknown(detail={"uuid": self.id}) from None
        except PathBusy:
            return None


_waiting: Counter[UploadId] = Counter()
"""The requests of this process that wait for a session."""


def _compare(found: Mapping[str, Digest], expected: Sequence[Digest]) -> None:
    """Raises DigestInvalid for the first expected digest that the bytes do not have."""
    for digest in expected:
        if found[digest.algorithm] != digest:
            raise DigestInvalid(detail={"digest": digest, "got": found[digest.algorithm]})
