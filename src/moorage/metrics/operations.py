"""A driver whose operations are counted and timed, under the names of the reference implementation."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, Final

from moorage.drivers.base import Creation, Driver, DriverError, Reader, is_answer
from moorage.drivers.delegating import DelegatingDriver, Operation
from moorage.metrics.opened import Failed, MeteredReader, metered_creation, metered_writer
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
    "delete_matching": "Delete",
    "direct": "RedirectURL",
}
"""Method names and their actions. Reading and writing the bytes themselves lasts as long as the client takes: its failures count for
"Reader" and "Writer", but it is not timed."""

OF_A_PATH: Final = frozenset(("read", "read_noted", "stat", "written", "is_folder", "children"))


class Metered(DelegatingDriver):
    """A driver around another one that times and counts each operation."""

    def __init__(self, driver: Driver, slot: Slot) -> None:
        super().__init__(driver)
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

    def create(self, path: str, size: int) -> Creation | None:
        creation = self._driver.create(path, size)
        return (
            None if creation is None else metered_creation(creation, partial(self._failed, NAMES["writer"]))
        )

    def _timed(self, action: str, operation: Operation, took: Histogram) -> Operation:
        view, (buckets, total) = took.view, took.places(self._driver.name, action)
        failed, around = partial(self._failed, action), _AROUND.get(action)

        async def timed(*arguments: Any, **named: Any) -> Any:
            began = perf_counter()
            try:
                result = await operation(*arguments, **named)
            except DriverError as error:
                failed(error)
                raise
            finally:
                seconds = perf_counter() - began
                view[buckets[bisect_left(ACTIONS, seconds)]] += 1.0
                view[total] += seconds
            return result if around is None else around(result, failed)

        return timed

    def _timed_path(self, action: str, operation: Operation, took: Histogram) -> Operation:
        """Like `_timed`, for methods that take only a path: each request calls several, and passing on arbitrary arguments costs as much
        as everything else here."""
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
        if not is_answer(error):
            self._errors.one(self._driver.name, action, type(error).__name__)()


def _reader(reader: Reader, failed: Failed) -> Reader:
    # What is in memory cannot fail.
    return MeteredReader(reader, failed) if reader.data is None else reader


_AROUND: Final[dict[str, Callable[[Any, Failed], Any]]] = {"Reader": _reader, "Writer": metered_writer}
"""What is put around the results of an action."""
