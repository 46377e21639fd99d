"""Memory for what is on its way: buffers of bodies, bodies that are kept whole, answers that are held until they are sent."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

from moorage.api.limits import RETRY_SECONDS
from moorage.errors import Unavailable

COUNTED_BYTES: Final = 64 << 10
"""A body that is kept whole counts only if it is larger: nearly all manifests are smaller, and the limit of uploads bounds them."""
SHARE: Final = 8
"""A reservation takes at most one eighth of the free memory, unless `least` is more."""


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
        size = min(self._most, max(self._least, self._free // (SHARE * self._buffers)))
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
            raise Unavailable("too many large manifests at once, try again", retry_after=RETRY_SECONDS)
        self._room.taken, self._bytes = others + size, size

    def _release(self) -> None:
        self._room.taken -= self._bytes
        self._bytes = 0


class Held:
    """Memory for answers that are held whole while they are sent: `total` bytes for all of them together. One answer alone may
    take more. Bytes that are sent to many clients at once, such as a manifest that is kept in memory, count once."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._taken = 0
        self._senders: Counter[int] = Counter()

    @property
    def scarce(self) -> bool:
        """Whether more than half is taken."""
        return self._taken * 2 > self._total

    @contextlib.contextmanager
    def hold(self, body: bytes) -> Iterator[None]:
        """Count `body` until the end of the block. Raises Unavailable if others leave too little."""
        # The block holds the bytes, so no others can get their id.
        key = id(body)
        if not self._senders[key]:
            if self._taken and self._taken + len(body) > self._total:
                raise Unavailable("too many large answers at once, try again", retry_after=RETRY_SECONDS)
            self._taken += len(body)
        self._senders[key] += 1
        try:
            yield
        finally:
            self._senders[key] -= 1
            if not self._senders[key]:
                del self._senders[key]
                self._taken -= len(body)
