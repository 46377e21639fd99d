"""How much at once: requests in flight by kind, memory for bodies, patience with clients."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from moorage.errors import Unavailable

RETRY_SECONDS = "2"
COUNTED_BYTES: Final = 64 << 10
"""What is kept whole and is no larger takes no room: nearly all manifests are smaller, and the limit of uploads bounds them."""


@dataclass(frozen=True)
class Limits:
    """Per worker; from `http.limits` of the configuration."""

    reads: int = 4000
    downloads: int = 2000
    uploads: int = 1000
    manifest_bytes: int = 4 << 20
    body_seconds: float = 30.0
    send_seconds: float = 60.0
    minimum_rate: int = 1024
    memory_bytes: int = 64 << 20


class Lane:
    """Requests of one kind in flight (`with lane:`). Beyond `limit`: Unavailable."""

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
    """Buffers of bodies in flight. Those who come while there is much get large ones, which cost less time per byte;
    the last ones get `least`, so that a thousand clients which take nothing hold little."""

    def __init__(self, total: int, *, buffers: int, least: int, most: int) -> None:
        self._free = total
        self._buffers = buffers
        self._least = least
        self._most = most

    def reserve(self, body: int = sys.maxsize) -> int:
        """The size of one buffer for somebody who holds `buffers` of them, or the whole `body` if that is less. To be
        given back with `release`."""
        size = min(self._most, max(self._least, self._free // (_SPARED * self._buffers)))
        self._free -= min(body, size * self._buffers)
        return size

    def release(self, size: int, body: int = sys.maxsize) -> None:
        self._free += min(body, size * self._buffers)


class Room:
    """Memory for bodies that are kept whole: `total` bytes for all of them together."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0

    def claim(self) -> Claim:
        """Of one body."""
        return Claim(self)


class Claim:
    """What one body takes of the room; the end of the block gives it back."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def grow(self, size: int) -> None:
        """To `size` bytes. Who is alone gets any number. Raises Unavailable when others leave less, and holds nothing then."""
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
"""No reservation takes more than this part of what is free."""
