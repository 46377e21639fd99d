"""Limits: requests in flight by kind, memory for bodies, patience with clients."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from moorage.errors import Unavailable

RETRY_SECONDS = "2"
COUNTED_BYTES: Final = 64 << 10
"""A body that is kept whole counts only if it is larger: nearly all manifests are smaller, and the limit of uploads bounds them."""


@dataclass(frozen=True)
class Limits:
    """The limits of one worker, from `http.limits` of the configuration."""

    reads: int = 4000
    downloads: int = 2000
    uploads: int = 1000
    manifest_bytes: int = 4 << 20
    body_seconds: float = 30.0
    send_seconds: float = 60.0
    minimum_rate: int = 1024
    memory_bytes: int = 64 << 20


class Lane:
    """Counts requests of one kind in flight (`with lane:`). Raises Unavailable beyond `limit`."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self.active = 0

    def __enter__(self) -> None:
        if self.active >= self._limit:
            raise Unavailable(
                f"too many {self._name} at once, try again", headers={"Retry-After": RETRY_SECONDS}
            )
        self.active += 1

    def __exit__(self, *_: object) -> None:
        self.active -= 1


class Memory:
    """Sizes the buffers of bodies in flight. While much memory is free, requests get large buffers, which cost less time per
    byte; when little is left they get `least`, so that a thousand stalled clients hold little."""

    def __init__(self, total: int, *, buffers: int, least: int, most: int) -> None:
        self._free = total
        self._buffers = buffers
        self._least = least
        self._most = most

    def reserve(self, body: int = sys.maxsize) -> int:
        """Reserve memory for a request that holds `buffers` buffers, or all of `body` if that is less. Returns the size of one
        buffer; the caller gives the memory back with `release`."""
        size = min(self._most, max(self._least, self._free // (_SPARED * self._buffers)))
        self._free -= min(body, size * self._buffers)
        return size

    def release(self, size: int, body: int = sys.maxsize) -> None:
        self._free += min(body, size * self._buffers)


class Room:
    """Memory for bodies that are kept whole: `total` bytes for all of them together. One body alone may take more."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0

    def claim(self) -> Claim:
        """A claim for one body."""
        return Claim(self)


class Claim:
    """The part of a room that one body takes, until the end of the block."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def grow(self, size: int) -> None:
        """Grow to `size` bytes; a body that is alone may take any size. If the others leave less, raise Unavailable, and give
        back all of the claim."""
        if size <= COUNTED_BYTES:
            return
        others = self._room.taken - self._bytes
        if others and others + size > self._room.total:
            self._release()
            raise Unavailable(
                "too many large manifests at once, try again", headers={"Retry-After": RETRY_SECONDS}
            )
        self._room.taken, self._bytes = others + size, size

    def _release(self) -> None:
        self._room.taken -= self._bytes
        self._bytes = 0


_SPARED = 8
"""A reservation takes at most one eighth of the free memory, unless `least` is more."""
