"""What is lost is counted, for the metrics too, and told in the log: the first at once, what follows not more often than a reader can
bear."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from moorage.observe.losses import Losses

log = logging.getLogger(__name__)

QUIET_SECONDS: Final = 600.0


class Tally:
    """May be added to in any thread. `fields` are those of its lines; `losses` is counted by all workers together."""

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

    def add(self, reason: str) -> None:
        """`reason` goes to the log: no keys and no addresses."""
        self._losses.add()
        with self._lock:
            self._count += 1
            self._reason = reason
            now = time.monotonic()
            if self._told and now < self._next:
                return
            self._next = now + self._seconds
        self._tell()

    def rest(self) -> None:
        """Tell the number in the end, if it has changed."""
        if self._count != self._told:
            self._tell()

    def _tell(self) -> None:
        self._told = self._count
        log.warning(self._message, extra={**self._fields, "reason": self._reason, "count": self._told})
