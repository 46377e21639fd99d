"""What a process remembers, within a bound in bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

V = TypeVar("V")

ENTRY_BYTES: Final = 512
"""The most memory that an entry takes besides its key and its value."""


class Bounded(Generic[V]):
    """Values by key, at most `limit` bytes in all; the least recently used are dropped. Not thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._entries: OrderedDict[str, tuple[V, int]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str) -> V | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: str, value: V, size: int) -> None:
        """Keep a value of `size` bytes in the place of an older one, unless it alone is beyond the limit."""
        self.take(key)
        size += len(key) + ENTRY_BYTES
        if size > self._limit:
            return
        self._entries[key] = value, size
        self._size += size
        while self._size > self._limit:
            self.take(next(iter(self._entries)))

    def take(self, key: str) -> V | None:
        """Forget a value, and return it."""
        value, size = self._entries.pop(key, (None, 0))
        self._size -= size
        return value
