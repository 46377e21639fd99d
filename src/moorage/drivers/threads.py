"""Worker threads for what may wait: calls that write, sync, list, or ask a device.

The standard library's executor would do the same. Its two futures and its locks cost more than the trip to the thread
itself (25 against 6 microseconds of processor time, measured with eight callers), and a push makes a dozen trips.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Call = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Threads:
    """At most `limit`, started when they are needed. Used from event loops only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._started = 0
        self._unfinished = 0

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """What the function returns or raises; OSError where the system has no room for a thread. Giving up the future does not
        stop the function."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if (
            self._started <= min(self._limit - 1, self._unfinished)
            and not self._start()
            and not self._started
        ):
            future.set_exception(OSError(errno.EAGAIN, "no thread can be started"))
            return future
        self._unfinished += 1
        self._calls.put((partial(function, *args, **kwargs), future))
        return future

    def _start(self) -> bool:
        """Without one more, those that are there take the calls, one after the other."""
        thread = threading.Thread(target=self._work, name=f"storage-{self._started + 1}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._started += 1
        return True

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, future = call
            result, error = None, None
            try:
                result = function()
            except BaseException as raised:
                error = raised
            # A loop that has been closed meanwhile waits for nothing.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(self._finish, future, result, error)
            # Nothing of the call is held on to while the next one is waited for.
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
        """The threads end when they have done what they were called for."""
        for _ in range(self._started):
            self._calls.put(None)
