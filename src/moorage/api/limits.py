"""How much at once: requests in flight by kind, memory for bodies, patience with clients."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from moorage.errors import Unavailable

RETRY_SECONDS = "2"


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


_SPARED = 8
"""No reservation takes more than this part of what is free."""
