"""The interface of storage drivers: bytes under paths.

Paths are absolute and slash-separated, with components `[A-Za-z0-9._-]+` (Docker Registry, "Storage driver
model"). A driver knows nothing about digests, links or repositories.

    DriverError           the store failed; a later try may work
      PathNotFound        nothing is there
        Damaged           a file is there, but has lost bytes
      Obstructed          something is there that is not what should be
      InvalidPath         the path is outside the grammar
      StorageFull         no room is left
      PathBusy            another writer holds the path
      WriteRefused        the registry may not write there
      ListingRefused      the registry may not list the folder
      NotRemoved          some leftovers of interrupted writers stay
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol


class DriverError(Exception):
    """The store failed. The text is for the operator's log; it never reaches a client."""

    def __init__(self, path: str, reason: str = "") -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}" if reason else path)


class PathNotFound(DriverError):
    """There is no file (or no folder) at the path."""


class Damaged(PathNotFound):
    """The file no longer has the size that it had when it was complete."""


class Obstructed(DriverError):
    """Something stands in the way: a folder, a link or a device where a file should be, or a file where a folder should be. Only an
    operator can tell what it is for, and remove it. `path` is where it stands."""


A_FOLDER: Final = "is a folder where a file should be"


class InvalidPath(DriverError):
    """The path is outside the grammar, or longer than the store allows."""


class StorageFull(DriverError):
    """There is no room left. A small file that was being written is gone; an upload may keep a part of what was written."""


class PathBusy(DriverError):
    """Another writer holds the path."""


class WriteRefused(DriverError):
    """The store does not let these credentials, or the disk does not let this user, make this change. Trying again is useless until they
    are given the right."""


class NotRemoved(DriverError):
    """Some of what should go stays. Each was logged; `stayed` counts them, and `removed` tells what is gone."""

    def __init__(self, path: str, stayed: int, removed: Sequence[tuple[str, float]]) -> None:
        self.stayed = stayed
        self.removed = removed
        super().__init__(path, f"{stayed} could not be removed")


class ListingRefused(DriverError):
    """The disk does not let this user list the folder. What lies beside it may still be listed."""


def is_answer(error: BaseException) -> bool:
    """Whether the error says what is there instead of that the storage failed. A damaged file is for an operator to look at."""
    return isinstance(error, PathNotFound | PathBusy | InvalidPath) and not isinstance(error, Damaged)


@dataclass(slots=True)
class FileInfo:
    """Facts about a file or folder. Not frozen: one is made on every request, and freezing would double the cost."""

    size: int
    """In bytes."""
    modified: float
    """In seconds since the epoch."""
    is_folder: bool = False


class Reader(Protocol):
    """An open file. Unless the driver is `distant`, removing the file does not affect its readers."""

    size: int
    """The size of the whole file, in bytes."""
    data: bytes | None
    """The whole content, if it is in memory anyway. `stream` works in either case."""

    def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        """Yield the bytes `[start, stop)` in pieces of at most `piece`. A piece is valid until the next one is requested.

        Raises DriverError when the store fails or the data ends early: a short answer never passes for a whole one.
        """
        ...

    def close(self) -> None: ...


Part = tuple[int, int]
"""The bytes `[start, stop)` of a file."""


Meanwhile = Callable[[Sequence[bytes]], None]
"""Called with the pieces of a write, usually to hash them."""


Matches = Callable[[bytes], bool]
"""Whether the content of a file is the one that is meant."""


Judge = Callable[[Reader], Awaitable[bool]]
"""Whether the bytes of a file, which it reads, are the right ones."""


def ignore(_: Sequence[bytes]) -> None:
    """A `Meanwhile` that does nothing."""


class Writer(Protocol):
    """An open file that grows at its end. `close` keeps what was written, and a later writer continues it."""

    @property
    def size(self) -> int: ...

    @property
    def mark(self) -> str:
        """A name for exactly the bytes written so far. Valid after `flush`.

        With the mark, any process can continue or move them without asking the storage what is there. Empty where
        asking is cheap.
        """
        ...

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        """Append the pieces, in the order of the calls, and call `meanwhile` with them. Returns when at most `ahead` bytes
        are still waiting.

        A driver that writes in a worker thread calls `meanwhile` in the same one: hashing in another thread costs more
        than it gains. Raises StorageFull or DriverError, also for the pieces of earlier calls; the file may then hold a
        part of them.
        """
        ...

    async def flush(self) -> None:
        """Wait until all pieces are written and counted in `size`. Raises StorageFull, DriverError; of an `exclusive` driver also
        PathNotFound if the file has been removed: what was written to it is nowhere."""
        ...

    async def close(self) -> None:
        """Write what is waiting, then close. What was written stays. Raises StorageFull, DriverError: some file systems report
        failed writes only now."""
        ...


class Creation(Protocol):
    """A new file that appears at `commit`, or never if `abort` is called instead."""

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        """See `Writer.write`."""
        ...

    async def flush(self) -> None:
        """Wait until all pieces are hashed and on their way to the store. Raises StorageFull, DriverError."""
        ...

    async def commit(self) -> None:
        """Put the file in place, whole and durable, replacing any older one. Raises StorageFull, DriverError."""
        ...

    async def abort(self) -> None:
        """Discard the file. Does not raise."""
        ...


class Driver(Protocol):
    """Any method may also raise DriverError, Obstructed and InvalidPath, besides the errors that it names."""

    name: str
    exclusive: bool
    """Whether an open writer keeps other writers out. If not, each writer of a file has bytes of its own, and their marks
    distinguish them."""

    distant: bool
    """Whether every call is a round trip over a network, so that callers should avoid calls that they can do without."""

    notes: int
    """The most bytes of a note that `write_noted` keeps; 0 where reading a note would save no call."""

    least_chunk: int
    """In bytes. Smaller chunks of an upload, but for the last one, cost the store or this process more; 0 where their size does not
    matter."""

    redirects: bool
    """Whether `direct` may return a URL. If not, callers need not call it, nor prepare for it."""

    async def read(self, path: str) -> bytes:
        """Return the content of a small file. Raises PathNotFound."""
        ...

    async def read_noted(self, path: str) -> tuple[bytes, bytes]:
        """Like `read`, with the note; empty if there is none."""
        ...

    async def write_noted(self, path: str, data: bytes, note: bytes) -> None:
        """Like `write` of one file, with a note beside it. A note may be lost, and is lost when the file is written again with other
        content; with the same content, the older note may still be read."""
        ...

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        """Write small files, each whole or not at all, replacing older ones. All are durable on return. Raises StorageFull.

        The files of a stage become visible after the stages before it are durable; within a stage in the given order, but in
        any order if the driver is `distant`. Unless it is `distant`, a file of an earlier stage that is removed meanwhile is written
        again before the call returns. A file that has the same content already may keep its
        bytes, but gets the time of this write.
        """
        ...

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        """Open a file; with the `mark` of a writer, exactly the bytes that the mark names. Raises PathNotFound.

        `part`: all that the caller is going to read, None for the whole. A driver that is not `distant` need not know.

        Only for files that never hold other bytes: over a network, a reader may continue with a file that has replaced the
        first one meanwhile, if it has the same size.
        """
        ...

    async def direct(self, path: str, method: str, client: str) -> str | None:
        """The URL from which the client may get the file itself, or None if it has to come through the registry.

        `client` is the address of the client, empty when unknown. Does not check that the file exists.
        """
        ...

    async def begin(self, path: str, data: bytes, file: str) -> str:
        """Begin an upload: write `data` at `path`, and create an empty `file` for a later `writer`.

        Neither has to survive a power cut, and a driver for which writes are expensive may skip both. Returns the mark of the
        empty upload.
        """
        ...

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        """Open the file for appending, and create it if need be. Raises PathBusy while an `exclusive` driver has another
        writer open for it.

        With a `mark`, continue exactly those bytes, without asking whether more have arrived. `begun` means that `begin` made
        the file: it is never created again, and PathNotFound is raised once it is gone. Such a path is never reused, so facts
        about its first bytes stay true.
        """
        ...

    def create(self, path: str, size: int) -> Creation | None:
        """Create a file of `size` bytes, for bytes that are verified on the way. None where a writer and `move` do as well."""
        ...

    async def stat(self, path: str) -> FileInfo:
        """Facts about the path. Raises PathNotFound, also for a folder if the storage has no folders."""
        ...

    async def attest(self, path: str, size: int, judge: Judge) -> None:
        """Somebody expects the file to have another `size` than it has: find out whether it has lost bytes, unless that would have
        been noticed by itself.

        If it would, `judge` is not asked; nor is it asked again about a file that it found right. A file that is not right is
        Damaged from then on, for every process, until it is written again. Raises Damaged, PathNotFound, and what `judge` raises.
        """
        ...

    async def written(self, path: str) -> FileInfo:
        """Facts about what writers have left at the path so far. Raises PathNotFound."""
        ...

    async def is_folder(self, path: str) -> bool:
        """Whether anything lies below the path. An empty folder counts if the storage has such folders."""
        ...

    async def children(self, path: str) -> list[str]:
        """The names in a folder, sorted by code point. Raises PathNotFound, ListingRefused."""
        ...

    async def move(
        self,
        source: str,
        target: str,
        files: Iterable[tuple[str, bytes]] = (),
        *,
        mark: str = "",
        remove: Sequence[str] = (),
    ) -> None:
        """Move a file atomically, replacing an older one, then make `files` visible as `write` does. All are durable on return.

        With the `mark` of a writer, move exactly the bytes that it names. Finally `remove` files, and folders with everything in
        them, if they are there. Raises PathNotFound, StorageFull.
        """
        ...

    async def delete(self, path: str, *, durable: bool = True) -> None:
        """Remove a file, or a folder with everything in it. Raises PathNotFound."""
        ...

    async def delete_matching(self, folder: str, path: str, matches: Matches) -> bool:
        """Remove a folder with everything in it if the file `path`, which is in it, `matches`; return whether it did.

        Unless the driver is `distant`, a file that is written at `path` meanwhile stays. Raises PathNotFound if there is no
        such file.
        """
        ...

    async def abandoned(
        self, folders: Iterable[str], before: float, *, remove: bool
    ) -> list[tuple[str, float]]:
        """Leftovers of interrupted writers that no path shows, such as unfinished multipart uploads.

        Returns names for the operator, with the time when each began: only those below `folders`, because other folders may
        belong to other programs, and only those that began before `before` (in seconds since the epoch). `remove` removes them,
        and raises NotRemoved if some stay; folders after that one are not looked at.
        """
        ...

    async def close(self) -> None: ...
