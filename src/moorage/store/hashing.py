"""Digests of bytes: what is known of an upload's without reading them again, and reading content for its digest."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from moorage.digest import Digest, Hashes
from moorage.drivers.base import Reader
from moorage.names import UploadId

REMEMBERED: Final = 4096
"""Running hashes kept between requests, per process."""

PIECE_BYTES: Final = 1 << 20
"""How much to read at a time of content that is read whole."""


async def read_through(
    reader: Reader, start: int, stop: int, hashes: Hashes, told: Callable[[int], None] = lambda size: None
) -> None:
    """Hash `[start, stop)` of the content; `told` is called with the size of each piece. Raises DriverError."""
    async for piece in reader.stream(start, stop, PIECE_BYTES):
        told(len(piece))
        await asyncio.to_thread(hashes.update, [bytes(piece)])


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of the first `size` bytes of a session."""

    size: int = 0
    mark: str = ""
    """The storage's name for exactly these bytes, where it has one (`drivers.base.Writer`)."""
    digests: Mapping[str, Digest] = field(default_factory=dict)

    @property
    def leaves_no_trace(self) -> bool:
        """Whether the storage may know nothing of the session: it names bytes by marks, and there are no bytes yet."""
        return bool(self.mark) and not self.size


class Hashing:
    """The running hashes of sessions between two of their requests. The least recently used are dropped."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._running: OrderedDict[tuple[UploadId, str], Hashes] = OrderedDict()

    def take(self, upload: UploadId, mark: str, size: int, algorithms: Iterable[str]) -> Hashes | None:
        """The hashes of the session's first `size` bytes, if this process has them. The mark identifies the bytes where two
        clients of a session may have written different ones."""
        hashes = self._running.pop((upload, mark), None)
        if hashes is not None and hashes.size == size and hashes.covers(algorithms):
            return hashes
        return Hashes(algorithms) if size == 0 else None

    def keep(self, upload: UploadId, mark: str, hashes: Hashes) -> None:
        self._running[upload, mark] = hashes
        while len(self._running) > self._limit:
            self._running.popitem(last=False)

    def drop(self, upload: UploadId, mark: str) -> None:
        self._running.pop((upload, mark), None)
