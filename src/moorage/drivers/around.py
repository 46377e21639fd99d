"""Something around each operation of a driver: a line in the log, or a limit to how many there are at a time. What is done with an
opened file afterwards, as sending its bytes, is no operation."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from time import perf_counter
from typing import Any, Final

from moorage.drivers.base import Driver, DriverError
from moorage.drivers.delegating import DelegatingDriver

log = logging.getLogger(__name__)

OPERATIONS: Final = (
    *("read", "read_noted", "stat", "written", "open", "is_folder", "children", "abandoned"),
    *("write", "write_noted", "writer", "move", "delete", "delete_matching"),
)
"""The methods that ask the store, and return what it said."""

Operation = Callable[..., Awaitable[Any]]


class Limited(DelegatingDriver):
    """No more than `most` operations at a time; the others wait (`storage.gcs.maxconcurrency`)."""

    def __init__(self, driver: Driver, most: int) -> None:
        super().__init__(driver)
        self._places = asyncio.Semaphore(most)
        for name in OPERATIONS:
            setattr(self, name, partial(self._in_turn, getattr(driver, name)))

    async def _in_turn(self, operation: Operation, /, *arguments: Any, **named: Any) -> Any:
        async with self._places:
            return await operation(*arguments, **named)


class Logged(DelegatingDriver):
    """Logs each operation when it has ended (`storage.s3.loglevel`)."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        for name in OPERATIONS:
            if name != "write":  # Its paths are within its stages.
                setattr(self, name, partial(self._logged, name, getattr(driver, name)))

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        whole = [list(stage) for stage in stages]
        paths = [path for stage in whole for path, _ in stage]
        with _told("write", next(iter(paths), ""), files=len(paths)):
            await self._driver.write(*whole)

    async def _logged(
        self, name: str, operation: Operation, path: object, /, *more: Any, **named: Any
    ) -> Any:
        with _told(name, str(path)):
            return await operation(path, *more, **named)


@contextlib.contextmanager
def _told(name: str, path: str, **facts: object) -> Iterator[None]:
    began, outcome = perf_counter(), "done"
    try:
        yield
    except DriverError as error:
        outcome = error.reason or type(error).__name__
        raise
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        milliseconds = round((perf_counter() - began) * 1000, 1)
        told = {"operation": name, "path": path, "milliseconds": milliseconds, "outcome": outcome}
        log.info("storage was asked", extra={**told, **facts})
