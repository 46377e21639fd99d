"""How the process that delivers learns from the others of its server that something was kept: a byte of memory that all share."""

from __future__ import annotations

import mmap


class Bell:
    """Made before the workers are forked. Ring after something was kept; who hears it looks after that, so nothing is missed."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def ring(self) -> None:
        self._memory[0] = 1

    def heard(self) -> bool:
        """Whether it rang since this was asked last."""
        if not self._memory[0]:
            return False
        self._memory[0] = 0
        return True
