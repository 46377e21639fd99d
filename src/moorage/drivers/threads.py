"""Worker threads for calls that may block: those that write, sync, list or wait for a device.

The standard library's executor does the same, but its two futures and its locks cost more than the trip to the thread
itself (25 against 6 microseconds of processor time, measured with eight callers), and a push makes a dozen trips.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from moorage.drivers.base import DriverError

P = ParamSpec("P")
T = TypeVar("T")

NONE_STARTED: Final = "no thread can be started: raise the limit on processes"

BEHIND: Final = 5
"""By how much the threads are nicer than the rest of the process: where clients, disks and uploads keep all processors busy, those that
answer requests come first."""

_Call = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Threads:
    """A pool of at most `limit` threads, started as needed. For use from event loops only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._started = 0
        self._unfinished = 0

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Call the function in a thread. The future gets its result or error, or DriverError if no thread can be started.

        Cancelling the future does not stop the function.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._started < self._limit and self._started <= self._unfinished:
            self._start()
        if not self._started:
            future.set_exception(DriverError("worker threads", NONE_STARTED))
            return future
        self._unfinished += 1
        self._calls.put((partial(function, *args, **kwargs), future))
        return future

    def _start(self) -> None:
        """Start one more thread if the system allows it; otherwise the existing threads take the calls in turn."""
        thread = threading.Thread(target=self._work, name=f"storage-{self._started + 1}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return
        self._started += 1

    def _work(self) -> None:
        _step_behind()
        while (call := self._calls.get()) is not None:
            function, future = call
            result, error = None, None
            try:
                result = function()
            except BaseException as raised:
                error = raised
            # If the loop has been closed meanwhile, nothing waits for the result.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(self._finish, future, result, error)
            # Keep no references to the call while waiting for the next one.
            del call, function, future, result, error

    def _finish(self, future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
        self._unfinished -= 1
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def close(self) -> None:
        """Let the threads end after the calls that are already queued."""
        for _ in range(self._started):
            self._calls.put(None)


def _step_behind() -> None:
    """Lower the priority of this thread. Where a priority is that of a process, nothing has the number of a thread."""
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + BEHIND)
