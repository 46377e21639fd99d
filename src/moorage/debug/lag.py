"""How late the event loop runs what is due, because something blocks it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

LOOK_SECONDS: Final = 0.5
KEPT: Final = 120


class Lag:
    """The latest lag, and the longest of the last minute, in seconds."""

    def __init__(self) -> None:
        self._found: deque[float] = deque([0.0], maxlen=KEPT)

    @property
    def latest(self) -> float:
        return self._found[-1]

    @property
    def longest(self) -> float:
        return max(self._found)

    async def watch(self) -> None:
        """Keep measuring, forever."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            self._found.append(max(0.0, clock() - due))
