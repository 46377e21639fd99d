"""Which files a worker counts in: those of a worker that is gone, or new ones.

So there are never more files than for the most workers that were alive at once, and the counts of workers that are gone are kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from moorage.metrics.numbers import Numbers

log = logging.getLogger(__name__)


class Slot:
    """The files that this process counts in until it ends. `gauges` begin at 0, as what the predecessor was doing is over."""

    def __init__(self, folder: Path, number: int, lock: int) -> None:
        """Raises OSError; the lock is released then."""
        self.folder = folder
        with contextlib.ExitStack() as opened:
            opened.callback(os.close, lock)
            self.counters = _numbers(folder / f"counter_{number}.db", opened)
            self.histograms = _numbers(folder / f"histogram_{number}.db", opened)
            self.gauges = _numbers(folder / f"gauge_livesum_{number}.db", opened)
            self.gauges.clear()
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()


def _numbers(path: Path, opened: contextlib.ExitStack) -> Numbers:
    """The numbers of a file, closed with `opened`. A damaged file is set aside, and its numbers begin at 0. Raises OSError."""
    try:
        numbers = Numbers(path)
    except ValueError as error:
        aside = path.with_suffix(".damaged")
        log.error("counts are damaged", extra={"reason": str(error), "kept_as": str(aside)})
        path.rename(aside)
        numbers = Numbers(path)
    opened.callback(numbers.close)
    return numbers


def take(folder: Path) -> Slot:
    """Take the first free slot whose files can be used. Raises OSError."""
    for number in itertools.count(1):
        # The kernel releases the lock however the process ends. A process id would not do, as it may be reused.
        lock = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        continued = (folder / f"counter_{number}.db").exists()
        try:
            return Slot(folder, number, lock)
        except OSError as error:
            # With new files, the next slot would fail, too.
            if not continued:
                raise
            log.error("counts cannot be continued", extra={"reason": str(error), "slot": number})
    raise AssertionError


@dataclass(frozen=True)
class Held:
    """A slot as others see it. `pid`: the process that holds it or held it last."""

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
    """The files to read: counters and histograms of all slots, and gauges of those whose process is alive."""
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
