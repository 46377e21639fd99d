"""What counts as written just now, by clocks that may be wrong: that of this machine, and that of a store."""

from __future__ import annotations

import time
from typing import Final

SKEW: Final = 15 * 60.0
"""In seconds. Stores refuse whoever has a clock that differs by more (S3: RequestTimeTooSkewed), so up to this it must be expected."""


class Age:
    """How many `seconds` something must have been left alone, counted back from when this is made.

    What claims to come from the future was not written just now either, and would else be spared until that day. But a time that lies
    ahead by no more than the age is believed: whoever chose the age takes clocks to differ by less. With an age of 0, or less, only what was
    written since is spared.
    """

    def __init__(self, seconds: float) -> None:
        self.since = time.time() - seconds
        self._ahead = max(seconds, SKEW) if seconds > 0 else 0.0

    def spares(self, modified: float) -> bool:
        """Whether it is too young, by its time in seconds since the epoch."""
        return self.since <= modified <= time.time() + self._ahead
