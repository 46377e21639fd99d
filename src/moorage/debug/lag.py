"""How late the event loop is with what is due: the time for which something held it up."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

LOOK_SECONDS: Final = 0.5
KEPT: Final = 120


class Lag:
    """In seconds: when it was looked at last, and the longest of the last minute."""

    def __init__(self) -> None:
        self._found: deque[float] = deque([0.0], maxlen=KEPT)

    @property
    def latest(self) -> float:
        return self._found[-1]

    @property
    def longest(self) -> float:
        return max(self._found)

    async def watch(self) -> None:
        """For ever."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            self._found.append(max(0.0, clock() - due))
