"""Log lines about a failing endpoint: one when it begins to fail, one when backing off begins, one when it works again, and no more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from moorage.events.endpoint import Endpoint

log = logging.getLogger(__name__)

QUIET_SECONDS: Final = 60.0
"""Minimum time between logging the beginnings of two outages, for endpoints that fail now and then."""


class Complaints:
    """Logs the failures of one endpoint. `clock` returns seconds."""

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        self._said = {"endpoint": endpoint.name, "url": endpoint.shown}
        self._clock = clock
        self._quiet_until = float("-inf")
        self._told = self._told_open = False

    @property
    def told(self) -> bool:
        return self._told

    def failed(self, reason: str, failures: int, seconds: float, *, backing_off: bool) -> None:
        """Log a failure: as a warning if it begins an outage or a back-off, otherwise for debugging only.

        `failures`: how many in a row. `seconds`: until the next attempt.
        """
        said = self._said | {"reason": reason}
        log.debug("events were not delivered", extra=said | {"failures": failures, "wait": round(seconds, 3)})
        now = self._clock()
        if not self._told and now >= self._quiet_until:
            self._told, self._quiet_until = True, now + QUIET_SECONDS
            log.warning("endpoint of notifications does not take events, which wait", extra=said)
        if self._told and backing_off and not self._told_open:
            self._told_open = True
            log.warning(
                "endpoint of notifications encountered too many errors, backing off",
                extra=said | {"failures": failures},
            )

    def ended(self, waiting: int) -> None:
        """Log the end of an outage; only if its beginning was logged (`told`). `waiting`: the events still to be delivered."""
        self._told = self._told_open = False
        log.info("endpoint of notifications takes events again", extra=self._said | {"waiting": waiting})
