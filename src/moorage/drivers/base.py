"""What a storage driver promises: bytes under paths.

Paths are absolute and slash-separated, of components `[A-Za-z0-9._-]+` (Docker Registry, "Storage driver
model"). A driver knows nothing of digests, links or repositories.

    DriverError           the store failed; try again later
      PathNotFound        nothing there
        Damaged           something there that lost bytes
      InvalidPath         not a path of the grammar
      StorageFull         no room left
      PathBusy            another writer holds the path
      WriteRefused        the store may be read, and lets us change nothing
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class DriverError(Exception):
    """The store failed. The text is for the operator's log; it never reaches a client."""

    def __init__(self, path: str, reason: str = "") -> None:
        self.path = path
        super().__init__(f"{path}: {reason}" if reason else path)


class PathNotFound(DriverError):
    """There is no file (or no folder) at the path."""


class Damaged(PathNotFound):
    """What lies at the path has not the size that it had when it was complete."""


class InvalidPath(DriverError):
    """The path is outside the grammar, or longer than the store can name."""


class StorageFull(DriverError):
    """There is no room; what was being written has been removed."""


class PathBusy(DriverError):
    """Another writer holds the path."""


class WriteRefused(DriverError):
    """The store does not let these credentials change what they asked for. To try again is of no use before somebody has
    given them the right."""


@dataclass(slots=True)
class FileInfo:
    """`size` in bytes; `modified` in seconds since the epoch. Not frozen, for one is made on every request and
    that would double its price."""

    size: int
    modified: float
    is_folder: bool = False


class Reader(Protocol):
    """An open file: what it yields can no longer vanish under the reader."""

    size: int
    """Of the whole file, in bytes."""
    data: bytes | None
    """The whole file, where it is in memory anyway; it can be streamed all the same."""

    def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        """The bytes `[start, stop)` in pieces of at most `piece`. A piece is valid until the next one is asked
        for. Raises DriverError when the store fails or ends early: a short answer is never taken for whole."""
        ...

    def close(self) -> None: ...


Meanwhile = Callable[[Sequence[bytes]], None]


def ignore(_: Sequence[bytes]) -> None:
    """Nothing to do with the pieces meanwhile."""


class Writer(Protocol):
    """An open file that grows at its end. What was written is kept by `close` and found by a later writer."""

    @property
    def size(self) -> int: ...

    @property
    def mark(self) -> str:
        """Names these very bytes, where asking the storage for them is dear: whoever is given it, on whatever process,
        need not ask. Empty where asking is cheap. Valid after `flush`."""
        ...

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        """Append after all that was given before, and call `meanwhile` with the pieces in the same worker thread,
        where there is one: to hash them in another thread costs more than it gains. Returns when at most `ahead`
        bytes still wait for that. Raises StorageFull, DriverError, also for what was given before; the file may then
        hold a part of it."""
        ...

    async def flush(self) -> None:
        """Wait until all is done that was given, and `size` says so. Raises StorageFull, DriverError."""
        ...

    async def close(self) -> None: ...


class Creation(Protocol):
    """A file that is not there before `commit`, and never if `abort` is called instead."""

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        """As a Writer's."""
        ...

    async def flush(self) -> None:
        """Wait until all is hashed, and on its way, that was given. Raises StorageFull, DriverError."""
        ...

    async def commit(self) -> None:
        """The file is there, whole and durable, over what was there. Raises StorageFull, DriverError."""
        ...

    async def abort(self) -> None:
        """Nothing of it stays. Does not raise."""
        ...


class Driver(Protocol):
    """Every method may raise DriverError and InvalidPath besides what it names."""

    name: str
    exclusive: bool
    """Whether `writer` keeps others out. Where it does not, two writers of one file each have their own, told apart by
    their marks."""

    distant: bool
    """Whether every call is a round trip over a network, so that what can be told otherwise is not asked."""

    notes: int
    """The most bytes of a note that `write_noted` keeps; 0 where reading it would save no call."""

    redirects: bool
    """Whether `direct` ever has an answer: else it is not asked, nor what would have to be asked before it."""

    async def read(self, path: str) -> bytes:
        """The whole of a small file. Raises PathNotFound."""
        ...

    async def read_noted(self, path: str) -> tuple[bytes, bytes]:
        """As `read`, with the note; empty if there is none."""
        ...

    async def write_noted(self, path: str, data: bytes, note: bytes) -> None:
        """As `write` of one file, with a note beside it, which may be lost, and is when the file is written again."""
        ...

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        """Write small files, each whole or not at all, over what was there; they become visible in the given
        order, those of a stage when the stages before it are durable, and all are durable on return; within a stage, in any
        order where the storage is asked over a network. A file whose content is the same already may be left alone.
        Raises StorageFull."""
        ...

    async def open(self, path: str, *, mark: str = "") -> Reader:
        """With the `mark` of a writer, the bytes that it had. Only for files that never hold other bytes: over a network,
        a reader may go on with what was written over the file meanwhile, if it has the same size. Raises PathNotFound."""
        ...

    async def direct(self, path: str, method: str, client: str) -> str | None:
        """The URL from which the client may get the file itself, or None when it has to come through the registry.
        `client` is the address of the client, empty when unknown. Whether the file is there is not asked."""
        ...

    async def begin(self, path: str, data: bytes, file: str) -> str:
        """An upload begins, whose bytes a writer will bring to `file`, which is there and empty from now on: note `data` at
        `path`. Neither need survive a power cut, and both are left out where writing is dear. Returns the mark of an upload
        without bytes."""
        ...

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        """Create the file or continue it at its end, alone: raises PathBusy while another writer is open. With a
        `mark`, it continues those bytes, without asking whether there are more by now. `begun`: it is one that `begin` made, and
        is never made a second time; raises PathNotFound once it is gone. What somebody knows of the first bytes of such a
        path, he knows of all that will ever be there."""
        ...

    def create(self, path: str, size: int) -> Creation | None:
        """A new file of `size` bytes, for bytes that are verified on the way; None where a writer and `move` do as
        well."""
        ...

    async def stat(self, path: str) -> FileInfo:
        """Raises PathNotFound, also for a folder where the storage has none."""
        ...

    async def written(self, path: str) -> FileInfo:
        """What writers have left at the path so far. Raises PathNotFound."""
        ...

    async def is_folder(self, path: str) -> bool:
        """Whether anything lies below the path; an empty folder counts where the storage has such."""
        ...

    async def children(self, path: str) -> list[str]:
        """Names in a folder, sorted by code point. Raises PathNotFound."""
        ...

    async def move(
        self,
        source: str,
        target: str,
        files: Iterable[tuple[str, bytes]] = (),
        *,
        mark: str = "",
        remove: str = "",
    ) -> None:
        """Atomic, over what was there; then `files` become visible as by `write`. All of that is durable on return.
        With the `mark` of a writer, its bytes are moved. Last, the folder `remove` goes. Raises PathNotFound,
        StorageFull."""
        ...

    async def delete(self, path: str, *, durable: bool = True) -> None:
        """A file, or a folder with all in it. Raises PathNotFound."""
        ...

    async def abandoned(
        self, folders: Iterable[str], before: float, *, remove: bool
    ) -> list[tuple[str, float]]:
        """What interrupted writers left below `folders` that no path shows, begun before that time (in seconds since the
        epoch): names for the operator, and when it began. With `remove`, it goes. Other folders may be others'."""
        ...

    async def close(self) -> None: ...
