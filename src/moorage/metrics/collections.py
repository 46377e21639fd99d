"""What garbage collections have done, read from the storage once a minute by all workers together.

If each worker read it for itself, one could report an older value than another did before, and Prometheus would take that for a
counter reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import time
from pathlib import Path
from typing import Final

from moorage.drivers.base import Driver, DriverError
from moorage.store import layout
from moorage.store.garbage.history import Collected, collected, parse, written

log = logging.getLogger(__name__)

KEPT_SECONDS: Final = 60.0

ANSWER_SECONDS: Final = 2.0
"""How long the page waits for the storage: Prometheus gives up after 10 seconds, and then has no metrics at all."""

AGAIN_SECONDS: Final = 60.0
"""After a failure, how long a worker does not ask the storage."""


class Collections:
    """Reads the totals of garbage collections, and keeps them for a minute in `folder`, which the workers share."""

    def __init__(self, driver: Driver, folder: str) -> None:
        self._driver = driver
        self._path = Path(folder, "collected")
        self._again = 0.0
        self._failure: DriverError | None = None

    async def look(self) -> Collected:
        """The totals, at most a minute old, or the last ones if the storage fails or does not answer. Raises DriverError if it
        fails and there are none."""
        kept = self._kept(KEPT_SECONDS)
        if kept is not None:
            return kept
        if time.monotonic() >= self._again:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    found = await collected(self._driver)
            except TimeoutError:
                self._failed(DriverError(layout.COLLECTED, f"no answer in {ANSWER_SECONDS:g} seconds"))
            except DriverError as error:
                self._failed(error)
            else:
                self._keep(found)
                return found
        kept = self._kept(math.inf)
        if kept is None:
            assert self._failure is not None
            raise self._failure.with_traceback(None)
        return kept

    def _kept(self, seconds: float) -> Collected | None:
        """The totals in the folder, if they are there and no older."""
        with contextlib.suppress(OSError):
            if 0 <= time.time() - self._path.stat().st_mtime < seconds:
                return parse(self._path.read_bytes())
        return None

    def _keep(self, found: Collected) -> None:
        self._failure = None
        with contextlib.suppress(OSError):
            new = self._path.with_suffix(f".{os.getpid()}")
            new.write_bytes(written(found))
            new.rename(self._path)

    def _failed(self, error: DriverError) -> None:
        self._again = time.monotonic() + AGAIN_SECONDS
        if self._failure is None:
            log.warning("metrics of garbage collections are not up to date", extra={"reason": str(error)})
        self._failure = error
