"""Everything that one worker counts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.api.observing import Observer
from moorage.drivers.base import Driver
from moorage.metrics.descriptors import Counted, Looks
from moorage.metrics.operations import Metered
from moorage.metrics.requests import Requests
from moorage.metrics.series import Counter
from moorage.metrics.slots import take
from moorage.store.descriptors.base import Descriptors, Nothing

if TYPE_CHECKING:
    from prometheus_client import Metric


class Metrics:
    """The counts of this worker, in a folder that it shares with the others. Raises OSError."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._launcher = os.getppid()
        self._slot = take(self._folder)
        self.observer: Observer = Requests(self._slot)
        self._looks = Looks(self._slot)
        self._unreadable: set[str] = set()
        starts = Counter(self._slot.counters, "registry_worker_starts_total", "Workers that were started.")
        starts.one()()

    def metered(self, driver: Driver) -> Driver:
        """The driver, with each of its operations counted and timed."""
        return Metered(driver, self._slot)

    def counted(self, descriptors: Descriptors) -> Descriptors:
        """The cache, with each lookup counted. `Nothing`, which is not a cache, is returned as it is."""
        return descriptors if isinstance(descriptors, Nothing) else Counted(descriptors, self._looks)

    def page(self, extra: Iterable[Metric] = ()) -> bytes:
        """The counts of all workers, together with `extra`, the result of `Facts.families`. Reads files for some milliseconds, so
        call it in a thread. Raises OSError."""
        from moorage.metrics.page import page

        return page(self._folder, self._launcher, extra, self._unreadable)

    def close(self) -> None:
        """Release the files, so that another worker can continue these counts."""
        self._slot.close()
