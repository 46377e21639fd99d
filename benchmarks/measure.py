"""What a server costs: processor seconds, bytes read and resident memory of a process and its descendants."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SAMPLES_PER_SECOND = 10
PROPORTIONAL_EVERY = 10


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals since the processes began. `read_bytes` counts what read calls and sendfile returned."""

    user_seconds: float
    kernel_seconds: float
    read_bytes: int

    @property
    def cpu_seconds(self) -> float:
        return self.user_seconds + self.kernel_seconds

    def __sub__(self, earlier: Usage) -> Usage:
        return Usage(
            self.user_seconds - earlier.user_seconds,
            self.kernel_seconds - earlier.kernel_seconds,
            self.read_bytes - earlier.read_bytes,
        )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.user_seconds + other.user_seconds,
            self.kernel_seconds + other.kernel_seconds,
            self.read_bytes + other.read_bytes,
        )


NOTHING = Usage(user_seconds=0.0, kernel_seconds=0.0, read_bytes=0)


def usage(pids: Sequence[int]) -> Usage:
    """Of these processes, and of their children that have ended already."""
    return sum(map(_usage, pids), NOTHING)


def _usage(pid: int) -> Usage:
    user, kernel = _cpu_seconds(pid)
    return Usage(user, kernel, _read_bytes(pid))


def _cpu_seconds(pid: int) -> tuple[float, float]:
    with contextlib.suppress(OSError):
        # The command name, in parentheses, may hold blanks: count the fields after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        user, kernel, user_of_ended, kernel_of_ended = (int(ticks) for ticks in fields[11:15])
        return (user + user_of_ended) / TICKS_PER_SECOND, (kernel + kernel_of_ended) / TICKS_PER_SECOND
    return 0.0, 0.0


def _read_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/io").read_text().split()[1])
    return 0


def resident_bytes(pids: Sequence[int]) -> int:
    """The sum of resident memory. Pages that several processes share are counted once for each of them."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE_BYTES


def proportional_bytes(pids: Sequence[int]) -> int:
    """The same with each shared page divided among those that share it: what the processes really take."""
    kilobytes = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * 1024


def loader_cpu_seconds(servers: Usage) -> float:
    """Of all child processes that have ended but the `servers`: the difference around a load is its clients'."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime - servers.cpu_seconds


class PeakMemory:
    """The largest sums seen: of resident memory ten times a second, of proportional memory (dearer) once."""

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self._pids = pids
        self._ended = threading.Event()
        self.resident_bytes = 0
        self.proportional_bytes = 0

    def look(self, proportional: bool = True) -> None:
        pids = self._pids()
        self.resident_bytes = max(self.resident_bytes, resident_bytes(pids))
        if proportional:
            self.proportional_bytes = max(self.proportional_bytes, proportional_bytes(pids))

    def _watch(self) -> None:
        looks = 0
        while not self._ended.wait(1 / SAMPLES_PER_SECOND):
            looks += 1
            self.look(proportional=looks % PROPORTIONAL_EVERY == 0)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._ended.set()
            watcher.join()
            self.look()


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ordered values (one at least) that a `share` of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
