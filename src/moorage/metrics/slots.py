"""Which files a worker counts in: those of one that is gone, or new ones. So there are never more than for all workers that were alive
at once, and what those that are gone have counted stays counted."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from moorage.metrics.numbers import Numbers


class Slot:
    """Files of this process, until it ends. `gauges` begin with 0: what its predecessor was at is over."""

    def __init__(self, folder: Path, number: int, lock: int) -> None:
        """Raises OSError."""
        self.folder = folder
        self._lock = lock
        self.counters = Numbers(folder / f"counter_{number}.db")
        self.histograms = Numbers(folder / f"histogram_{number}.db")
        self.gauges = Numbers(folder / f"gauge_livesum_{number}.db")
        self.gauges.clear()

    def close(self) -> None:
        for numbers in (self.counters, self.histograms, self.gauges):
            numbers.close()
        os.close(self._lock)


def take(folder: Path) -> Slot:
    """The first slot that nobody holds. Raises OSError."""
    for number in itertools.count(1):
        # The kernel lets go of the lock when the process ends, however it ends; a number of a process may come again.
        lock = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return Slot(folder, number, lock)
    raise AssertionError


@dataclass(frozen=True)
class Held:
    """A slot as others see it: of the process `pid`, which lives or was the last one here."""

    number: int
    pid: int
    alive: bool


def slots(folder: Path) -> list[Held]:
    found = []
    for path in sorted(folder.glob("*.lock")):
        with contextlib.suppress(OSError, ValueError), path.open() as file:
            found.append(Held(int(path.stem), int(file.read() or 0), _locked(file.fileno())))
    return found


def files(folder: Path, held: Iterable[Held]) -> Iterator[str]:
    """Those that count now."""
    for slot in held:
        kinds = ["counter", "histogram", *(["gauge_livesum"] if slot.alive else [])]
        paths = [folder / f"{kind}_{slot.number}.db" for kind in kinds]
        yield from (str(path) for path in paths if path.exists())


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
