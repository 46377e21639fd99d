"""A driver whose operations are counted and timed, by the names that the reference implementation gives them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final

from moorage.drivers.base import Damaged, Driver, DriverError, InvalidPath, PathBusy, PathNotFound
from moorage.drivers.delegating import DelegatingDriver
from moorage.metrics.series import ACTIONS, Counter, Histogram
from moorage.metrics.slots import Slot

NAMES: Final = {
    "read": "GetContent",
    "read_noted": "GetContent",
    "write": "PutContent",
    "write_noted": "PutContent",
    "begin": "PutContent",
    "open": "Reader",
    "writer": "Writer",
    "stat": "Stat",
    "written": "Stat",
    "is_folder": "Stat",
    "children": "List",
    "move": "Move",
    "delete": "Delete",
    "direct": "RedirectURL",
}
"""What lasts as long as a client takes (the bytes of a reader, of a writer) is not timed here."""

OF_A_PATH: Final = frozenset(("read", "read_noted", "stat", "written", "is_folder", "children"))

Operation = Callable[..., Awaitable[Any]]


class Metered(DelegatingDriver):
    """The methods of the driver below, each in one that looks at the clock."""

    def __init__(self, driver: Driver, slot: Slot) -> None:
        super().__init__(driver)
        # These are asked for on each request, which is dear where they are not found here.
        self.distant = driver.distant
        self.notes = driver.notes
        took = Histogram(
            slot.histograms,
            "registry_storage_action_seconds",
            "The number of seconds that the storage action takes.",
            ACTIONS,
            *("driver", "action"),
        )
        self._errors = Counter(
            slot.counters,
            "registry_storage_errors_total",
            "Storage actions that failed; that nothing is there is no failure.",
            *("driver", "action", "error"),
        )
        for action in sorted(set(NAMES.values())):
            self._errors.place(driver.name, action, DriverError.__name__)
        for method, action in NAMES.items():
            timed = self._timed_path if method in OF_A_PATH else self._timed
            setattr(self, method, timed(action, getattr(driver, method), took))

    def _timed(self, action: str, operation: Operation, took: Histogram) -> Operation:
        view, (buckets, total) = took.view, took.places(self._driver.name, action)

        async def timed(*arguments: Any, **named: Any) -> Any:
            began = perf_counter()
            try:
                return await operation(*arguments, **named)
            except DriverError as error:
                self._failed(action, error)
                raise
            finally:
                seconds = perf_counter() - began
                view[buckets[bisect_left(ACTIONS, seconds)]] += 1.0
                view[total] += seconds

        return timed

    def _timed_path(self, action: str, operation: Operation, took: Histogram) -> Operation:
        """As `_timed`, of what takes a path and nothing else: these run some times on each request, and arguments of any number cost
        as much as the rest."""
        view, (buckets, total) = took.view, took.places(self._driver.name, action)

        async def timed(path: str) -> Any:
            began = perf_counter()
            try:
                return await operation(path)
            except DriverError as error:
                self._failed(action, error)
                raise
            finally:
                seconds = perf_counter() - began
                view[buckets[bisect_left(ACTIONS, seconds)]] += 1.0
                view[total] += seconds

        return timed

    def _failed(self, action: str, error: DriverError) -> None:
        # A damaged file is one that is not there, but that is for somebody to look at.
        if isinstance(error, PathNotFound | PathBusy | InvalidPath) and not isinstance(error, Damaged):
            return
        self._errors.one(self._driver.name, action, type(error).__name__)()
