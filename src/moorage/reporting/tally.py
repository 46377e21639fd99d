"""Counts lost reports, also for the metrics, and logs them: the first at once, the following at long intervals."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from moorage.observe.losses import Losses

log = logging.getLogger(__name__)

QUIET_SECONDS: Final = 600.0


class Tally:
    """A counter of one process that is logged; for use from any thread. `fields`: of its log lines. `losses`: shared by all workers."""

    def __init__(
        self, message: str, fields: dict[str, object], losses: Losses, *, seconds: float = QUIET_SECONDS
    ) -> None:
        self._losses = losses
        self._message = message
        self._fields = fields
        self._seconds = seconds
        self._lock = threading.Lock()
        self._count = self._told = 0
        self._reason = ""
        self._next = 0.0

    def add(self, reason: str, count: int = 1) -> None:
        """Count losses. `reason` is logged, so it must not contain keys or addresses."""
        self._losses.add(count)
        with self._lock:
            self._count += count
            self._reason = reason
            now = time.monotonic()
            if self._told and now < self._next:
                return
            self._next = now + self._seconds
        self._tell()

    def rest(self) -> None:
        """Log the final number, if it has changed since it was logged last."""
        if self._count != self._told:
            self._tell()

    def _tell(self) -> None:
        self._told = self._count
        log.warning(self._message, extra={**self._fields, "reason": self._reason, "count": self._told})
