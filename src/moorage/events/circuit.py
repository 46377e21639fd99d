"""When to try again: soon at first, and after a number of failures in a row ever more seldom."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST_SECONDS: Final = 0.1
"""The longest wait after the first failure; it doubles with each."""
DOUBLINGS: Final = 30
"""More would only make the numbers overflow."""


class Circuit:
    """Knows no clock: it says how many seconds to wait. `threshold` failures in a row open it. Then there is one try after `backoff`
    to twice that, and after each further failure twice as long, up to `most`. Chance keeps those who wait for one listener from
    coming back to it all at once."""

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
        """In a row."""

    @property
    def open(self) -> bool:
        return self.failures >= self._threshold

    def worked(self) -> None:
        self.failures = 0

    def failed(self, asked: float = 0.0) -> float:
        """Seconds to wait. `asked`: for how long the listener wants to be left alone, which is believed up to `most`."""
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
