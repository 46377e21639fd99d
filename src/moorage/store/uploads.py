"""Upload sessions: bytes that arrive in any number of requests, on any process, until their digest is known.

The truth is the session's file and nothing else. Running hashes stay in this process's memory, and travel in the
signed state that the client carries; when neither helps, the file is read once more before it becomes a blob.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from moorage.digest import CANONICAL, Digest, Hashes
from moorage.drivers.base import Driver, PathBusy, PathNotFound, StorageFull, Writer, ignore
from moorage.errors import DigestInvalid, RangeInvalid, UploadUnknown
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.blobs import RepositoryBlobs
from moorage.store.descriptors.base import Blob
from moorage.store.hashing import Hashing, Progress

log = logging.getLogger(__name__)

BATCHES: Final = 4
"""Of one upload, in memory: one is collected, the others wait to be written."""

BUSY_SECONDS: Final = 5.0
"""How long a request waits for the session's previous one, whose client may have gone a moment ago."""


class Batches(Protocol):
    """Who tells how much of an upload to hold in memory."""

    def reserve(self) -> int:
        """Bytes in one batch; `BATCHES` of them may be held at a time."""
        ...

    def release(self, size: int) -> None: ...


class OneMebibyte:
    """For where memory is of no concern."""

    def reserve(self) -> int:
        return 1 << 20

    def release(self, size: int) -> None:
        return None


class Uploads:
    """The sessions of one repository. `batches` tells how many bytes to write at a time."""

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

    async def start(self) -> Upload:
        upload = UploadId.new()
        started = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        mark = await self.driver.begin(
            layout.upload_started(self.name, upload), started.encode(), layout.upload_data(self.name, upload)
        )
        return Upload(self, upload, Progress(mark=mark))

    async def resume(self, upload: UploadId, known: Progress | None = None, *, ask: bool = False) -> Upload:
        """`known` is what the client's signed state tells. Where it names the bytes, the storage is not asked unless
        `ask` is set: whether they are still there shows when they are needed. Raises UploadUnknown."""
        if known is not None and known.mark and not ask:
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
    """One session. `progress` is as of its last request here."""

    def __init__(self, uploads: Uploads, upload: UploadId, progress: Progress) -> None:
        self._uploads = uploads
        self._folder = layout.upload(uploads.name, upload)
        self._path = layout.upload_data(uploads.name, upload)
        self.id = upload
        self.progress = progress

    @property
    def size(self) -> int:
        return self.progress.size

    async def append(
        self, body: AsyncIterator[bytes], *, at: int | None, algorithms: Iterable[str] = ()
    ) -> None:
        """Add the body at the end, which must be at offset `at` unless that is None. Raises RangeInvalid for
        another offset or while another request writes, StorageFull (the session is gone then), and whatever
        the body raises: what had arrived by then is kept."""
        writer = await self._writer()
        hashes: Hashes | None = None
        try:
            self.progress = Progress(writer.size, writer.mark)
            if at is not None and at != writer.size:
                raise RangeInvalid(f"the upload has {writer.size} bytes, the chunk starts at {at}")
            hashes = self._uploads.hashing.take(self.id, writer.mark, writer.size, algorithms)
            await self._receive(body, writer, hashes)
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
        """Collect a batch while those before it are written and hashed."""
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
        """Give the body on in batches, with the size of a full one; also the last one, of what had arrived when the body
        ended with an error."""
        pieces: list[bytes] = []
        collected = 0
        batch = self._uploads.batches.reserve()
        try:
            async for piece in body:
                pieces.append(piece)
                collected += len(piece)
                if collected >= batch:
                    full, pieces, collected = pieces, [], 0
                    await take(full, batch)
        finally:
            self._uploads.batches.release(batch)
            if pieces:
                await take(pieces, batch)

    async def receive(self, body: AsyncIterator[bytes], size: int, expected: Sequence[Digest]) -> bool:
        """The whole blob in one request, written to its final place while it comes in: it is there only if it is what the
        client said. False, with nothing read, where the driver gains nothing by that. Raises DigestInvalid, and whatever
        the body raises; nothing is kept then."""
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

    async def commit(self, expected: Sequence[Digest]) -> Blob:
        """The session becomes a blob that this repository serves under every expected digest. Raises
        DigestInvalid, after which the session is gone: its bytes are not what the client meant; and StorageFull,
        after which it is gone too."""
        writer = await self._writer()
        try:
            found = await self._digests(writer, {digest.algorithm for digest in expected})
            _compare(found, expected)
            blob = Blob(found[CANONICAL], writer.size)
            await self._uploads.blobs.adopt(
                self._path, blob, tuple(expected), mark=writer.mark, remove=self._folder
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
            async for piece in reader.stream(0, size, 1 << 20):
                await asyncio.to_thread(hashes.update, [bytes(piece)])
        finally:
            reader.close()
        return hashes.digests()

    async def cancel(self) -> None:
        """The session and its bytes go. Raises UploadUnknown."""
        self._uploads.hashing.drop(self.id, self.progress.mark)
        try:
            await self._uploads.driver.delete(self._folder, durable=False)
        except PathNotFound:
            if self.progress.leaves_no_trace:
                return
            raise UploadUnknown(detail={"uuid": self.id}) from None

    async def _abandon(self) -> None:
        """As `cancel`, whether anything is there or not."""
        with contextlib.suppress(UploadUnknown):
            await self.cancel()

    async def _writer(self) -> Writer:
        """The session's file, locked. Raises UploadUnknown, and RangeInvalid when another request keeps it for too long.

        Only `start` makes it, under an id that is never given again. Else a client could cancel a session and go on with
        it, and what was signed or remembered of the bytes before would be believed of others."""
        deadline = asyncio.get_running_loop().time() + BUSY_SECONDS
        while True:
            try:
                return await self._uploads.driver.writer(self._path, mark=self.progress.mark, begun=True)
            except PathNotFound:
                raise UploadUnknown(detail={"uuid": self.id}) from None
            except PathBusy:
                if asyncio.get_running_loop().time() > deadline:
                    raise RangeInvalid("another request is writing to this upload") from None
            await asyncio.sleep(0.05)


def _compare(found: Mapping[str, Digest], expected: Sequence[Digest]) -> None:
    """Raises DigestInvalid for the first one that the bytes do not have."""
    for digest in expected:
        if found[digest.algorithm] != digest:
            raise DigestInvalid(detail={"digest": digest, "got": found[digest.algorithm]})
