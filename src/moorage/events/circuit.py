"""When to retry: soon at first, and after a number of consecutive failures at growing intervals."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST_SECONDS: Final = 0.1
"""The longest wait after the first failure; it doubles with each."""
DOUBLINGS: Final = 30
"""An upper bound that keeps the numbers from overflowing."""


class Circuit:
    """Computes how many seconds to wait after a failure; it has no clock.

    `threshold` consecutive failures open the circuit. The next attempt follows after `backoff` to twice that, and the wait doubles
    with each further failure, up to `most`. Jitter keeps the registries that wait for one listener from returning all at once.
    """

    def __init__(
        self,
        threshold: int,
        backoff: float,
        most: float,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._threshold = max(threshold, 1)
        self._backoff = backoff
        self._most = max(most, backoff)
        self._chance = chance
        self.failures = 0
        """Consecutive failures."""

    @property
    def open(self) -> bool:
        return self.failures >= self._threshold

    def worked(self) -> None:
        self.failures = 0

    def failed(self, asked: float = 0.0) -> float:
        """Seconds to wait. `asked`: how long the listener asks to be left alone, which is honored up to `most`."""
        self.failures += 1
        if self.open:
            doubled = self._backoff * 2 ** min(self.failures - self._threshold + 1, DOUBLINGS)
            longest = min(doubled, self._most)
            wait = self._chance(max(longest / 2, self._backoff), longest)
        else:
            wait = self._chance(
                0.0, min(FIRST_SECONDS * 2 ** min(self.failures - 1, DOUBLINGS), self._backoff)
            )
        return max(wait, min(asked, self._most))
