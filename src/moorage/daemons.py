"""Work in threads for which the process does not wait when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class NoThread(RuntimeError):
    """The system allows no thread more."""


async def in_daemon(name: str, function: Callable[[], T]) -> T:
    """Call the function in a thread of its own, of that name, for as long as it takes. Raises what it raises, and NoThread.

    The event loop has a few threads for such calls, which whoever opens a connection needs, and a process that ends waits for them.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def call() -> None:
        try:
            tell = partial(outcome.set_result, function())
        except Exception as error:
            tell = partial(outcome.set_exception, error)
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: outcome.done() or tell())

    thread = threading.Thread(target=call, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise NoThread(str(error)) from None
    return await outcome
