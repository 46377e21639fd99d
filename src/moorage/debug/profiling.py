"""What this process spends processor time on: what its threads do is looked at a hundred times a second.

What is looked at runs nearly as fast as ever. The profilers of the standard library are called at every call instead, which makes
a busy worker half as fast and shows small functions as dear.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Final, TypeAlias

from moorage.debug.stacks import calls

BETWEEN_SECONDS: Final = 0.01
LONGEST_SECONDS: Final = 60.0

SWITCH_SECONDS: Final = 20e-6
"""After how long a thread has to let the one that looks run. With Python's own 5 ms it is nearly always one that had let go by itself,
to write or to wait, so all time seemed to be spent on that."""

Call: TypeAlias = tuple[str, CodeType]
"""The name of a module, and a function of it."""


@dataclass(slots=True)
class Spent:
    """`seen`: how often; `nanoseconds`: of processor time."""

    seen: int = 0
    nanoseconds: int = 0


@dataclass
class Profile:
    """By the name of a thread and its calls, the outermost first. `began`: in nanoseconds since 1970."""

    began: int = field(default_factory=time.time_ns)
    nanoseconds: int = 0
    spent: dict[tuple[str, tuple[Call, ...]], Spent] = field(default_factory=dict)

    def folded(self) -> str:
        """A line for each stack: its calls joined by semicolons, and microseconds: what flame graphs are drawn from."""
        return "".join(
            f"{';'.join([thread, *(f'{module}:{code.co_qualname}' for module, code in stack)])}"
            f" {spent.nanoseconds // 1000}\n"
            for (thread, stack), spent in self.spent.items()
        )


class Busy(Exception):
    """Somebody else takes a profile."""


class Profiler:
    """Takes one profile at a time."""

    def __init__(self) -> None:
        self._taking = False

    async def take(self, seconds: float) -> Profile:
        """Raises Busy."""
        if self._taking:
            raise Busy
        self._taking = True
        over = threading.Event()
        try:
            with _switching():
                return await asyncio.to_thread(_look, seconds, over)
        finally:
            over.set()
            self._taking = False


@contextlib.contextmanager
def _switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _look(seconds: float, over: threading.Event) -> Profile:
    found = Profile()
    clock = Processor()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not over.wait(BETWEEN_SECONDS):
        frames = sys._current_frames()
        for thread, used in clock.used():
            frame = frames.get(thread.ident or 0)
            if frame is not None:
                stack = tuple((one.f_globals.get("__name__", "?"), one.f_code) for one in calls(frame))
                spent = found.spent.setdefault((thread.name, stack[::-1]), Spent())
                spent.seen += 1
                spent.nanoseconds += used
    found.nanoseconds = time.time_ns() - found.began
    return found


class Processor:
    """What the threads use of it, but for the one that asks."""

    def __init__(self) -> None:
        self._before: dict[int, int] = {}
        for _ in self.used():
            pass

    def used(self) -> Iterator[tuple[threading.Thread, int]]:
        """Threads that used any since they were asked for last, and nanoseconds."""
        for thread in threading.enumerate():
            # After a fork, the thread still has the number of the one that forked.
            number = os.getpid() if thread is threading.main_thread() else thread.native_id
            if number is None or thread is threading.current_thread():
                continue
            try:
                # By the thread's number, not by its clock: to ask for the clock of one that has ended ends the process.
                total = int(Path(f"/proc/self/task/{number}/schedstat").read_text().split()[0])
            except OSError:
                continue
            before = self._before.get(number, total)
            self._before[number] = total
            if total > before:
                yield thread, total - before
