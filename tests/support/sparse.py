"""Bytes that are mostly zeros, kept without the zeros: an object of 200 GiB takes a few megabytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BLOCK = 1 << 16
BATCH = 1 << 20
_ZEROS = bytes(BATCH)


def stamped(start: int, stop: int) -> Iterator[bytes]:
    """`[start, stop)` of endless bytes of which no MiB is like another one, and most are zeros."""
    while start < stop:
        number, offset = divmod(start, BATCH)
        length = min(BATCH - offset, stop - start)
        batch = (number + 1).to_bytes(8, "big") + _ZEROS[8:]
        yield batch[offset : offset + length]
        start += length


def sha256(pieces: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


class Body:
    """What one request carried: its size, and the blocks in which there is more than zeros."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._blocks: dict[int, bytes] = {}

    @classmethod
    def received(cls, stream: io.BufferedIOBase, size: int) -> Body:
        """Reads `size` bytes. Raises ConnectionError when the stream ends before."""
        body = cls(size)
        buffer = bytearray(BATCH)
        for start in range(0, size, BATCH):
            length = min(BATCH, size - start)
            if stream.readinto(memoryview(buffer)[:length]) != length:
                raise ConnectionError("the body ended early")
            # The comparison of a whole batch is all that most of them need.
            if length < BATCH or buffer != _ZEROS:
                body._keep(start, bytes(buffer[:length]))
        return body

    def _keep(self, start: int, data: bytes) -> None:
        for at in range(0, len(data), BLOCK):
            if block := data[at : at + BLOCK].rstrip(b"\0"):
                self._blocks[(start + at) // BLOCK] = block

    def read(self, start: int, stop: int) -> bytes:
        first, last = start // BLOCK, -(-stop // BLOCK)
        found = [self._blocks.get(number, b"").ljust(BLOCK, b"\0") for number in range(first, last)]
        return b"".join(found)[start - first * BLOCK :][: stop - start]


@dataclass(frozen=True)
class Extent:
    """`[start, stop)` of a body."""

    body: Body
    start: int
    stop: int


class Content:
    """Bytes of an object: extents, one after the other."""

    def __init__(self, *extents: Extent) -> None:
        self._extents = extents
        self.size = sum(one.stop - one.start for one in extents)

    @classmethod
    def of(cls, body: Body) -> Content:
        return cls(Extent(body, 0, body.size))

    @classmethod
    def joined(cls, parts: list[Content]) -> Content:
        return cls(*(one for part in parts for one in part._extents))

    def cut(self, start: int, stop: int) -> Content:
        """The bytes `[start, stop)`."""
        found = []
        begin = 0
        for one in self._extents:
            length = one.stop - one.start
            first, last = max(start - begin, 0), min(stop - begin, length)
            if first < last:
                found.append(Extent(one.body, one.start + first, one.start + last))
            begin += length
        return Content(*found)

    def pieces(self) -> Iterator[bytes]:
        """Up to `BATCH` bytes at a time."""
        for one in self._extents:
            for start in range(one.start, one.stop, BATCH):
                yield one.body.read(start, min(start + BATCH, one.stop))
