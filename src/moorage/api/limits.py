"""How much at once: requests in flight by kind, memory for bodies, patience with clients."""

from __future__ import annotations

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
    """Requests of one kind in flight (`with lane:`), and their share of the memory. Beyond `limit`: Unavailable."""

    def __init__(self, name: str, limit: int, memory: int = 0, queue: int = 1) -> None:
        self._name = name
        self._limit = limit
        self._memory = memory
        self._queue = queue
        self.active = 0

    def __enter__(self) -> None:
        if self.active >= self._limit:
            raise Unavailable(
                f"too many {self._name} at once, try again", headers={"Retry-After": RETRY_SECONDS}
            )
        self.active += 1

    def __exit__(self, *_: object) -> None:
        self.active -= 1

    def share(self, least: int, most: int) -> int:
        """Bytes that one buffer of one request may have now; `queue` such buffers are held by each."""
        return min(most, max(least, self._memory // (self._queue * max(1, self.active))))
