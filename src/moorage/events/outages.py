"""Which endpoints are losing events, shared by all workers of a server so that only one of them logs it."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple

QUIET_SECONDS: Final = 5.0
"""An outage ends when nothing was lost for so long: in between, some events may fit while others are lost."""

_SLOT: Final = struct.Struct("=dq")
_SLOTS: Final = mmap.PAGESIZE // _SLOT.size


class OutageMemory:
    """A page of shared memory, made before the workers are forked. For each endpoint: when it last lost an event, and how many
    it lost in this outage."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def get(self, slot: int) -> tuple[float, int]:
        last, count = _SLOT.unpack_from(self._memory, slot % _SLOTS * _SLOT.size)
        return last, count

    def set(self, slot: int, last: float, count: int) -> None:
        _SLOT.pack_into(self._memory, slot % _SLOTS * _SLOT.size, last, count)


class Over(NamedTuple):
    """An outage that ended, and how many events it cost."""

    endpoint: str
    lost: int


class Outages:
    def __init__(
        self,
        endpoints: Sequence[str],
        memory: OutageMemory,
        alone: Callable[[], AbstractContextManager[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`alone`: a lock that all workers know."""
        self._slots = {name: slot for slot, name in enumerate(endpoints)}
        self._memory = memory
        self._alone = alone
        self._clock = clock

    def lost(self, lost: dict[str, int]) -> list[str]:
        """Record lost events by endpoint. Returns the endpoints whose outage begins with this loss."""
        begun = []
        with self._alone():
            for endpoint, count in lost.items():
                last, before = self._memory.get(self._slots[endpoint])
                if not last:
                    begun.append(endpoint)
                self._memory.set(self._slots[endpoint], self._clock(), before + count)
        return begun

    def kept(self, endpoints: set[str]) -> list[Over]:
        """Record that an event was stored for each endpoint. Returns the outages that are over."""
        candidates = [endpoint for endpoint in endpoints if self._memory.get(self._slots[endpoint])[0]]
        if not candidates:
            return []
        over = []
        with self._alone():
            for endpoint in candidates:
                last, count = self._memory.get(self._slots[endpoint])
                if last and self._clock() - last > QUIET_SECONDS:
                    self._memory.set(self._slots[endpoint], 0.0, 0)
                    over.append(Over(endpoint, count))
        return over
