"""A line in the log for each operation of a driver (`storage.s3.loglevel`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Any, Final

from moorage.drivers.base import Creation, Driver, Writer
from moorage.drivers.delegating import OPERATIONS, DelegatingDriver, Operation, unfolded
from moorage.drivers.opened import WatchedCreation, WatchedWriter

log = logging.getLogger(__name__)

DONE: Final = "done"


class Logged(DelegatingDriver):
    """Logs each operation when it has ended, and each file that is written when it is closed. Of one that is read, the opening is
    logged."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        for name in OPERATIONS:
            if name not in vars(Logged):
                setattr(self, name, partial(self._logged, name, getattr(driver, name)))

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        whole, paths = unfolded(stages)
        line = _Line("write", next(iter(paths), ""))
        try:
            with line:
                await self._driver.write(*whole)
        finally:
            line.end(files=len(paths))

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        opened = await self._logged("writer", self._driver.writer, path, mark=mark, begun=begun)
        line = _Line("append", path)
        return WatchedWriter(opened, lambda: line, lambda size: line.end(bytes=size))

    def create(self, path: str, size: int) -> Creation | None:
        made = self._driver.create(path, size)
        return None if made is None else _Created(made, _Line("create", path))

    async def _logged(
        self, name: str, operation: Operation, path: object, /, *more: Any, **named: Any
    ) -> Any:
        line = _Line(name, str(path))
        try:
            with line:
                return await operation(path, *more, **named)
        finally:
            line.end()


class _Created(WatchedCreation):
    def __init__(self, creation: Creation, line: _Line) -> None:
        super().__init__(creation, lambda: line, lambda size: line.end(bytes=size))
        self._line = line

    async def abort(self) -> None:
        if self._line.outcome == DONE:
            self._line.outcome = "given up"
        await super().abort()


class _Line:
    """The line of what begins now. A block that may be entered many times; what leaves it is the outcome."""

    def __init__(self, operation: str, path: str) -> None:
        self.outcome = DONE
        self._told = {"operation": operation, "path": path}
        self._began = perf_counter()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            self.outcome = "cancelled"
        elif error is not None:
            self.outcome = getattr(error, "reason", "") or type(error).__name__

    def end(self, **facts: int) -> None:
        milliseconds = round((perf_counter() - self._began) * 1000, 1)
        told = {**self._told, "milliseconds": milliseconds, "outcome": self.outcome, **facts}
        log.info("storage was asked", extra=told)
