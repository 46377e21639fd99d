"""The driver for every object store that obstore supports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import obstore

from moorage.drivers.base import (
    Creation,
    DriverError,
    FileInfo,
    InvalidPath,
    Part,
    PathNotFound,
    Reader,
    Writer,
)
from moorage.drivers.looking import LookingFirst
from moorage.drivers.objectstore.again import asked
from moorage.drivers.objectstore.confirming import Confirming
from moorage.drivers.objectstore.joining import Joiner, Through
from moorage.drivers.objectstore.limits import part_size
from moorage.drivers.objectstore.listing import EveryName, Listing
from moorage.drivers.objectstore.notes import NO_NOTE, NOTE_BYTES, as_metadata
from moorage.drivers.objectstore.options import CloudStore, Options
from moorage.drivers.objectstore.putting import Plain, Putter
from moorage.drivers.objectstore.reading import ChainReader, ObjectReader
from moorage.drivers.objectstore.removal import removed
from moorage.drivers.objectstore.segments import Head, Segment, chain, longest
from moorage.drivers.objectstore.settling import settled
from moorage.drivers.objectstore.together import some_at_once
from moorage.drivers.objectstore.translation import translated, without_bytes
from moorage.drivers.objectstore.unfinished import Unfinished
from moorage.drivers.objectstore.writing import KEPT_BYTES, ObjectWriting, Recent, SegmentWriter
from moorage.drivers.small import FILE_BYTES, WholeFile
from moorage.drivers.threads import Threads

KEY_BYTES: Final = 1024
"""The longest key of an object (S3, "Object key names"; Azure and Google allow the same)."""

HASHING_THREADS: Final = 4

WRITES_AT_ONCE: Final = 16
"""How many files of a stage are written at once: each call uses a connection, and a stage may have thousands of files."""

MOST_PART_BYTES: Final = 32 << 20
"""The largest part that is sent from memory, of which an upload may hold three."""

LISTING_PAUSES: Final = (0.5, 1.0, 2.0, None)
"""Seconds to wait after each listing that lacks what the store has; None ends the tries."""

CLEAR_SECONDS: Final = 10.0
"""The limit for removing the segments of an upload that has become a blob: the client is waiting."""

FIRST_BYTE: Final = (0, 1)

SMALL_BYTES: Final = 1 << 20
"""Up to this size an object is sent with the shorter timeout: sending it takes so little time that a silent store is gone."""


class ObjectStoreDriver(LookingFirst):
    """The driver for object stores. The docstring of each method states its number of calls, that is, of requests to the store."""

    exclusive = False
    distant = True
    notes = NOTE_BYTES

    def __init__(
        self,
        store: CloudStore,
        options: Options,
        *,
        putter: Putter | None = None,
        joiner: Joiner | None = None,
        every_name: EveryName | None = None,
        unfinished: Unfinished | None = None,
    ) -> None:
        self.name = options.name
        self.redirects = options.links_for is not None
        # Those are parts by themselves; smaller ones have to be read, and written as parts of that size.
        self.least_chunk = options.limits.least_part
        self._store = options.prompt or store
        self._confirming = Confirming(self._store)
        self._listing = Listing(self._store, every_name, options.hasty)
        self._options = options
        self._prefix = "".join(f"{part}/" for part in options.root.split("/") if part)
        self._putter = putter or Plain(self._store, store, options.attributes)
        self._joiner = joiner or Through(store, options.attributes, options.part_bytes, options.limits)
        self._unfinished = unfinished
        self._threads = Threads(HASHING_THREADS)
        self._recent = Recent(KEPT_BYTES)

    def key(self, path: str) -> str:
        """The key of the object at a path. Raises InvalidPath if it is too long for the store."""
        key = self._prefix + path.lstrip("/")
        if len(key.encode()) > KEY_BYTES:
            raise InvalidPath(path[:200], f"more than {KEY_BYTES} bytes with its root directory")
        return key

    # Reading

    async def read(self, path: str) -> bytes:
        """One call."""
        key = self.key(path)

        async def whole() -> bytes:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())

        return await asked(path, whole)

    async def read_noted(self, path: str) -> tuple[bytes, bytes]:
        """One call."""
        return await asked(path, partial(self._confirming.read, self.key(path), path))

    async def stat(self, path: str) -> FileInfo:
        """One call; two for an empty object. It is a GET of one byte: what answers a HEAD cannot say whether the object is missing or
        the bucket, and whether it is the store at all."""
        key = self.key(path)

        async def first() -> obstore.ObjectMeta:
            result = await obstore.get_async(self._store, key, options={"range": FIRST_BYTE})
            # Else its connection would be closed.
            await result.bytes_async()
            return result.meta

        try:
            found = await asked(path, first)
        except DriverError as error:
            if not without_bytes(error):
                raise
            with translated(path):
                found = await obstore.head_async(self._store, key)
        return FileInfo(found["size"], found["last_modified"].timestamp())

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        """One call, whose body is the stream. With a mark one call for each segment, made when its turn comes, after a listing
        if there are several."""
        if mark:
            return ChainReader(self.open, await self._sources(path, mark))
        key = self.key(path)

        async def begun() -> Reader:
            result = await obstore.get_async(self._store, key, options={"range": part} if part else {})
            if part is None and result.meta["size"] <= FILE_BYTES:
                return WholeFile(bytes(await result.bytes_async()))
            return ObjectReader(self._store, key, path, result)

        return await asked(path, begun)

    async def direct(self, path: str, method: str, client: str) -> str | None:
        """No call: the URL is signed locally."""
        if self._options.links_for is None:
            return None
        if self._options.signed is not None:
            return self._options.signed(self.key(path), self._options.links_for)
        store = self._options.public or self._store
        with translated(path):
            return await obstore.sign_async(
                store, "HEAD" if method == "HEAD" else "GET", self.key(path), self._options.links_for
            )

    async def children(self, path: str) -> list[str]:
        """One call per thousand names."""
        names = await self._listing.names(self.key(path).rstrip("/"))
        if names is None:
            raise PathNotFound(path)
        return names

    async def is_folder(self, path: str) -> bool:
        """One call, given up soon: who starts asks it first."""
        return await self._listing.anything(self.key(path).rstrip("/"))

    # Writing

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        """One call per file. Those of a stage are made at the same time, up to `WRITES_AT_ONCE`."""
        for files in stages:
            puts = [partial(self._put, path, data) for path, data in dict(files).items()]
            await some_at_once(min(WRITES_AT_ONCE, len(puts)), puts)

    async def write_noted(self, path: str, data: bytes, note: bytes) -> None:
        """One call: the note is metadata of the object."""
        await self._put(path, data, as_metadata(note))
        self._confirming.forget(self.key(path))

    async def _put(
        self, path: str, data: bytes, metadata: Mapping[str, str] = NO_NOTE, *, verified: bool = False
    ) -> None:
        """`verified`: whatever has this size at the path has these bytes."""
        key = self.key(path)
        put = partial(self._putter.put, key, path, data, metadata)
        await settled(put, self._store, key, path, len(data) if verified else None)

    async def begin(self, path: str, data: bytes, file: str) -> str:
        """No call: an empty upload leaves no trace in the store."""
        return Head().mark

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        """No call with a mark, else one listing. `begun` has no effect: a mark already identifies the bytes."""
        try:
            head = Head.parse(mark) if mark else longest(await self._segments(path))
        except ValueError as error:
            raise DriverError(path, str(error)) from None
        return SegmentWriter(
            head,
            lambda segment: self._writing(f"{path}/{segment.file}"),
            self._recent,
            self._options.limits,
        )

    def create(self, path: str, size: int) -> Creation | None:
        """One call up to the size of a part, else two, and one per part.

        None for a file that would need very large parts in memory, if the store can join smaller objects by itself.
        """
        part_bytes = part_size(size, self._options.part_bytes, self._options.limits)
        if part_bytes > max(MOST_PART_BYTES, self._options.part_bytes) and not self._joiner.through:
            return None
        return self._writing(path, part_bytes, small=size <= SMALL_BYTES)

    def _writing(self, path: str, part_bytes: int = 0, *, small: bool = False) -> ObjectWriting:
        return ObjectWriting(
            self._store,
            self._putter,
            self._threads,
            self.key(path),
            path,
            part_bytes or self._options.part_bytes,
            small=small,
        )

    async def written(self, path: str) -> FileInfo:
        """One listing."""
        listed = await self._listed(path)
        segments = self._parsed(path, listed)
        if not segments:
            return await self.stat(path)
        modified = max(one["last_modified"].timestamp() for one in listed)
        return FileInfo(longest(segments).size, modified)

    async def move(
        self,
        source: str,
        target: str,
        files: Iterable[tuple[str, bytes]] = (),
        *,
        mark: str = "",
        remove: Sequence[str] = (),
    ) -> None:
        """With the mark of a small upload that this process wrote: one call for the object, one per file, and one to remove the
        segment. Otherwise the first one is replaced by a copy and a check of the result."""
        small = self._recent.take(mark)
        sources = await self._sources(source, mark)
        if small is not None or not sources:
            await self._put(target, small or b"", verified=True)
        else:
            await self._join(sources, target)
        await self.write(files)
        if not mark:
            await self._clear([path for path, _ in sources])
            for path in remove:
                await self._remove(path)
        else:
            # Everything that was promised is in place. The purging of uploads removes what is left.
            with contextlib.suppress(DriverError, TimeoutError):
                async with asyncio.timeout(CLEAR_SECONDS):
                    await self._clear([path for path, _ in sources])

    async def _join(self, sources: Sequence[tuple[str, int]], target: str) -> None:
        size = sum(length for _, length in sources)
        key, keys = self.key(target), [(self.key(one), length) for one, length in sources]
        join = partial(self._joiner.join, keys, key, target)
        await settled(join, self._store, key, target, size)
        # Some stores have reported success for a copy that was wrong or missing.
        try:
            found = await self.stat(target)
        except PathNotFound:
            raise DriverError(target, "the store joined objects, and then it had none") from None
        if found.size != size:
            await self._clear([target])
            raise DriverError(target, f"the store joined {found.size} bytes out of {size}")

    async def delete(self, path: str, *, durable: bool = True) -> None:
        """Two calls for a file. A folder is listed, and removed a thousand objects at a time."""
        if not await self._remove(path):
            raise PathNotFound(path)

    async def _remove(self, path: str) -> bool:
        try:
            await self.stat(path)
        except PathNotFound:
            return await self._remove_folder(path)
        await self._clear([path])
        return True

    async def _remove_folder(self, path: str) -> bool:
        found = await self._listed(path)
        for one in found:
            if segment := Segment.parse(one["path"].rpartition("/")[2], one["size"]):
                self._recent.take(Head(segment).mark)
        await removed(self._store, path, [one["path"] for one in found])
        return bool(found)

    async def _clear(self, paths: Sequence[str]) -> None:
        await removed(self._store, next(iter(paths), ""), [self.key(path) for path in paths])

    # Segments

    async def _listed(self, path: str) -> Sequence[obstore.ObjectMeta]:
        return await self._listing.everything(self.key(path).rstrip("/"))

    async def _segments(self, path: str) -> list[Segment]:
        return self._parsed(path, await self._listed(path))

    def _parsed(self, path: str, listed: Sequence[obstore.ObjectMeta]) -> list[Segment]:
        start = len(self.key(path)) + 1
        parsed = (Segment.parse(one["path"][start:], one["size"]) for one in listed)
        return [segment for segment in parsed if segment is not None]

    async def _sources(self, path: str, mark: str) -> list[tuple[str, int]]:
        """The objects that hold the marked bytes, with their sizes; without a mark, those of the longest chain, or the object at
        the path itself. Raises PathNotFound."""
        if not mark:
            found = await self._segments(path)
            if not found:
                return [(path, (await self.stat(path)).size)]
            head = longest(found)
            segments = chain(head, {segment.name: segment for segment in found})
        else:
            segments = await self._marked(path, Head.parse(mark))
        return [(f"{path}/{segment.file}", segment.size) for segment in segments]

    async def _marked(self, path: str, head: Head) -> list[Segment]:
        """The chain that ends at `head`. Raises PathNotFound if some of it is gone, and DriverError if the store has it but does
        not list it yet: the listings of some services lag behind."""
        if head.last is None or head.last.start == 0:
            return chain(head, {})
        for pause in LISTING_PAUSES:
            found = {segment.name: segment for segment in await self._segments(path)}
            try:
                return chain(head, found)
            except LookupError as error:
                if head.last.name in found:
                    raise PathNotFound(path, f"a segment is missing: {error}") from None
            await self.stat(f"{path}/{head.last.file}")
            if pause is not None:
                await asyncio.sleep(pause)
        raise DriverError(path, "the store does not list yet what was uploaded, try again")

    async def abandoned(
        self, folders: Iterable[str], before: float, *, remove: bool
    ) -> list[tuple[str, float]]:
        """Multipart uploads that were neither completed nor aborted, where the store can list them. For each folder one call per
        thousand, one more where there is none, and one per removal."""
        found: list[tuple[str, float]] = []
        if self._unfinished is not None:
            for folder in folders:
                found += await self._unfinished.begun(f"{self.key(folder)}/", before, abort=remove)
        return found

    # Life

    async def close(self) -> None:
        self._threads.close()
        self._putter.close()
        self._joiner.close()
        self._listing.close()
        if self._unfinished is not None:
            self._unfinished.close()
