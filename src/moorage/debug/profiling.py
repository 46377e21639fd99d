"""A sampling profiler of processor time, which looks at the threads of this process a hundred times per second.

The process runs nearly at full speed meanwhile. The profilers of the standard library run at every call instead, which makes a
busy worker half as fast and small functions look expensive.
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
"""How soon a running thread has to yield to the sampling thread. With Python's default of 5 ms, the running thread has nearly
always yielded by itself, to write or to wait, so that all time seems to be spent there."""

Call: TypeAlias = tuple[str, CodeType]
"""The name of a module, and one of its functions."""


@dataclass(slots=True)
class Spent:
    """The samples of one stack."""

    seen: int = 0
    """How often the stack was seen."""
    nanoseconds: int = 0
    """The processor time spent there."""


@dataclass
class Profile:
    """A finished profile."""

    began: int = field(default_factory=time.time_ns)
    """In nanoseconds since 1970."""
    nanoseconds: int = 0
    """How long it took."""
    spent: dict[tuple[str, tuple[Call, ...]], Spent] = field(default_factory=dict)
    """By the name of a thread and its calls, outermost first."""

    def folded(self) -> str:
        """The format from which flame graphs are drawn: a line for each stack, with its calls joined by semicolons, and
        microseconds."""
        return "".join(
            f"{';'.join([thread, *(f'{module}:{code.co_qualname}' for module, code in stack)])}"
            f" {spent.nanoseconds // 1000}\n"
            for (thread, stack), spent in self.spent.items()
        )


class Busy(Exception):
    """Another profile is being taken."""


class Profiler:
    """Takes one profile at a time."""

    def __init__(self) -> None:
        self._taking = False

    async def take(self, seconds: float) -> Profile:
        """Profile the process for so many seconds. Raises Busy."""
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
    """Measures the processor time of all threads except the calling one."""

    def __init__(self) -> None:
        self._before: dict[int, int] = {}
        for _ in self.used():
            pass

    def used(self) -> Iterator[tuple[threading.Thread, int]]:
        """The threads that used processor time since the previous call, with the nanoseconds."""
        for thread in threading.enumerate():
            # After a fork, Python still has the thread id of the parent for the main thread.
            number = os.getpid() if thread is threading.main_thread() else thread.native_id
            if number is None or thread is threading.current_thread():
                continue
            try:
                # By the thread's id, not by its clock: asking for the clock of a thread that has ended crashes the process.
                total = int(Path(f"/proc/self/task/{number}/schedstat").read_text().split()[0])
            except OSError:
                continue
            before = self._before.get(number, total)
            self._before[number] = total
            if total > before:
                yield thread, total - before
