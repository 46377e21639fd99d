"""Limits how many errors are reported: some at once, and then a bounded number per minute."""

from __future__ import annotations

from typing import Final

A_MINUTE: Final = 60
AT_ONCE: Final = 10


class Rate:
    """A token bucket: `a_minute` in the long run, `at_once` after a quiet time. A storm of errors is one error, many times."""

    def __init__(self, a_minute: int = A_MINUTE, at_once: int = AT_ONCE) -> None:
        self._a_second = a_minute / 60
        self._most = self._free = float(at_once)
        self._last = 0.0
        self._left_out = 0

    def take(self, now: float) -> int | None:
        """The number of errors left out before this one, or None if this one is left out too. `now`: seconds of a monotonic clock."""
        self._free = min(self._most, self._free + (now - self._last) * self._a_second)
        self._last = now
        if self._free < 1:
            self._left_out += 1
            return None
        self._free -= 1
        left_out, self._left_out = self._left_out, 0
        return left_out
