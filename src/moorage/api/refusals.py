"""Why credentials were refused, for the operator: clients are not told."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from moorage.api.exchange import Exchange

log = logging.getLogger(__name__)

TOLD_SECONDS: Final = 60.0
"""How long the same refusal of the same client is not logged again."""
TOLD_OF_ONE: Final = 10
TOLD: Final = 100
"""Refusals that are logged in that time at most: of one address, and of all."""
LONGEST_REASON: Final = 500


class Refusals:
    """What the log has had of them lately. Whoever guesses, or repeats a token that is over, does not fill it, nor keep what other
    clients are refused for out of it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._end = float("-inf")
        self._known: set[tuple[str, str]] = set()
        self._of: Counter[str] = Counter()
        self._left_out = 0

    def tell(self, exchange: Exchange, reason: str, *, presented: bool = False) -> None:
        """Log a refusal. A request without credentials is no event: each pull begins with one. `presented`: the client showed them
        elsewhere than in the header."""
        if not presented and not exchange.header(b"authorization"):
            return
        reason = reason[:LONGEST_REASON]
        left_out = self.take(exchange.client, reason)
        if left_out is not None:
            more = {"left_out": left_out} if left_out else {}
            log.info("access is refused", extra={"reason": reason, **more})

    def take(self, address: str, reason: str) -> int | None:
        """The number of refusals that were left out before this one, or None if this one is left out too."""
        now = self._now()
        if now >= self._end:
            self._end = now + TOLD_SECONDS
            self._known.clear()
            self._of.clear()
        known = (address, reason) in self._known
        if known or len(self._known) >= TOLD or self._of[address] >= TOLD_OF_ONE:
            self._left_out += 1
            return None
        self._known.add((address, reason))
        self._of[address] += 1
        left_out, self._left_out = self._left_out, 0
        return left_out
