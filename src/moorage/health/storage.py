"""Is the storage there? Asked now and then, so that a probe of ours costs the storage nothing."""

from __future__ import annotations

import asyncio
import logging

from moorage.drivers.base import Driver, DriverError
from moorage.store import layout

log = logging.getLogger(__name__)

PROBE_SECONDS = 10.0


class StorageHealth:
    """Unhealthy after `threshold` failures in a row, healthy after one success."""

    def __init__(self, driver: Driver, *, interval: float, threshold: int) -> None:
        self._driver = driver
        self._interval = interval
        self._threshold = max(1, threshold)
        self._failures = 0

    @property
    def healthy(self) -> bool:
        return self._failures < self._threshold

    async def watch(self) -> None:
        while True:
            await self.probe()
            await asyncio.sleep(self._interval)

    async def probe(self) -> None:
        """An empty storage is healthy: that nothing is there yet is an answer too."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._driver.is_folder(layout.ROOT)
        except (DriverError, TimeoutError) as error:
            self._failures += 1
            log.error("storage probe failed", extra={"reason": str(error), "failures": self._failures})
            return
        self._failures = 0
