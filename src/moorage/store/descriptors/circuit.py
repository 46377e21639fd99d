"""How long to leave a server alone that does not answer, and what is logged about it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

SHORTEST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0


class Circuit:
    """Logs one warning when the server fails or is full, and one line when it is back, or has refused nothing for `longest` seconds.
    Pauses double from `shortest` to `longest` seconds, give or take a fifth, so that many processes do not come back together.
    `failures` counts all failures."""

    def __init__(
        self,
        shortest: float = SHORTEST_SECONDS,
        longest: float = LONGEST_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shortest = shortest
        self._longest = longest
        self._clock = clock
        self._in_a_row = 0
        self.failures = 0
        self._went: float | None = None
        self._came = clock()
        self._full = False
        self._refused = 0.0

    def failed(self, error: BaseException) -> None:
        if self._went is None:
            self._went = self._clock()
            # A server that comes and goes is left alone for longer and longer.
            if self._went - self._came > self._longest:
                self._in_a_row = 0
            reason = f"{type(error).__name__}: {error}"
            log.warning("Redis cannot be used; the storage is asked instead", extra={"reason": reason})
        self._in_a_row += 1
        self.failures += 1

    def worked(self) -> None:
        if self._went is not None:
            self._came = self._clock()
            log.info("Redis is used again", extra={"seconds": round(self._came - self._went, 1)})
            self._went = None

    def took(self, refusal: str) -> None:
        """An entry was put, or refused for want of memory, as `refusal` says."""
        if refusal:
            if not self._full:
                log.warning("Redis is full: nothing more is remembered in it", extra={"reason": refusal})
            self._full, self._refused = True, self._clock()
        # At its limit it takes one entry and refuses the next, as others expire.
        elif self._full and self._clock() - self._refused >= self._longest:
            self._full = False
            log.info("Redis takes entries again")

    def pause(self) -> float:
        """Seconds to wait before the next try; 0 while the server works."""
        if self._went is None:
            return 0.0
        doubled: float = self._shortest * 2 ** min(self._in_a_row - 1, 16)
        return min(self._longest, doubled) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
