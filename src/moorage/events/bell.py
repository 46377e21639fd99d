"""Signals to the delivering process that another process of its server has stored events, by a byte of shared memory."""

from __future__ import annotations

import mmap


class Bell:
    """Made before the workers are forked. Ring it after storing events: the delivering process then looks into the queue."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def ring(self) -> None:
        self._memory[0] = 1

    def heard(self) -> bool:
        """Whether it rang since the last call."""
        if not self._memory[0]:
            return False
        self._memory[0] = 0
        return True
