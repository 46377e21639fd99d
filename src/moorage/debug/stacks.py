"""The stacks of all threads, tasks and requests of this process, without the values of variables."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from types import CoroutineType, FrameType
from typing import Any, Final

DEEPEST: Final = 200

_BEGINNINGS: Final = frozenset({"BaseProcess.run", "Thread._bootstrap_inner"})
"""Where stacks end. The frames above are uninteresting; in a forked process they are calls of its parent."""


def stacks() -> str:
    """All stacks as plain text, innermost call first. Identical stacks are listed once, with their number. Must be called in the
    thread of the event loop."""
    coroutines = _waiting_coroutines()
    tasks = asyncio.all_tasks()
    ours = {id(task.get_coro()) for task in tasks}
    awaited = {id(one.cr_await) for one in coroutines}
    # The server runs its requests without tasks.
    others = (one for one in coroutines if id(one) not in ours | awaited)
    return "".join(
        [
            *_told("thread", _threads()),
            *_told("task", (_chain(task.get_coro()) for task in tasks if task is not asyncio.current_task())),
            *_told("coroutine without a task", map(_chain, others)),
        ]
    )


def _threads() -> Iterator[tuple[str, ...]]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, innermost in sys._current_frames().items():
        yield (f"in {names.get(ident, 'a thread of native code')}", *map(_place, calls(innermost)))


def calls(innermost: FrameType) -> Iterator[FrameType]:
    """The frames from the innermost one to the beginning of the process or thread."""
    frame: FrameType | None = innermost
    for _ in range(DEEPEST):
        if frame is None or frame.f_code.co_qualname in _BEGINNINGS:
            return
        yield frame
        frame = frame.f_back


def _waiting_coroutines() -> list[CoroutineType[Any, Any, Any]]:
    return [
        one
        for one in gc.get_objects()
        if type(one) is CoroutineType and inspect.getcoroutinestate(one) == inspect.CORO_SUSPENDED
    ]


def _chain(outermost: Any) -> tuple[str, ...]:
    """The stack of a waiting coroutine, from the awaited object to the outermost call."""
    found: list[str] = []
    one = outermost
    while one is not None and len(found) < DEEPEST:
        frame = getattr(one, "cr_frame", None) or getattr(one, "gi_frame", None)
        if frame is None:
            break
        found.append(_place(frame))
        one = getattr(one, "cr_await", None) or getattr(one, "gi_yieldfrom", None)
    if one is not None:
        found.append(f"waits for {type(one).__name__}")
    return tuple(reversed(found))


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_qualname} ({code.co_filename}:{frame.f_lineno})"


def _told(kind: str, found: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for places, count in Counter(found).most_common():
        yield f"{count} x {kind}\n"
        yield "".join(f"    {place}\n" for place in places)
        yield "\n"
