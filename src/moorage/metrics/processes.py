"""Resource usage of the server's processes, summed: the workers and their parent, the launcher."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Resource usage of one process or several.

    `cpu`: seconds of processor time, including children that have ended. `started`: when the launcher started, in seconds since 1970.
    `fullest`: the ratio of open files to their limit in the process that is closest to it, as each process has a limit of its own.
    """

    cpu: float = 0.0
    resident: int = 0
    files: int = 0
    file_limit: int = 0
    fullest: float = 0.0
    threads: int = 0
    started: float = 0.0


@dataclass(frozen=True)
class Process(Usage):
    """`reaped`: the part of `cpu` that children used, in ticks."""

    parent: int = 0
    reaped: int = 0


READINGS: Final = 10
"""How often to read all processes if workers end meanwhile."""


def usage(launcher: int, workers: Sequence[int]) -> Usage:
    """The usage of launcher and workers. Workers may be gone: once the launcher has reaped them, what they used is part of its own
    usage, so the sum never shrinks."""
    for _ in range(READINGS):
        before = read(launcher)
        running = [process for process in map(read, workers) if process.parent == launcher]
        first = read(launcher)
        # Otherwise a worker was reaped in between, and may be missing or counted twice.
        if first.reaped == before.reaped:
            break
    found = [first, *running]
    return Usage(
        cpu=sum(process.cpu for process in found),
        resident=sum(process.resident for process in found),
        files=sum(process.files for process in found),
        file_limit=sum(process.file_limit for process in found),
        fullest=max(process.fullest for process in found),
        threads=sum(process.threads for process in found),
        started=found[0].started,
    )


def read(pid: int) -> Process:
    """The usage of a process; all 0 if it is gone."""
    folder = Path(f"/proc/{pid}")
    try:
        # The name, in parentheses, may have spaces in it.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return Process()
    files, limit = sum(1 for _ in _files(folder)), _file_limit(folder)
    return Process(
        parent=int(fields[1]),
        reaped=sum(map(int, fields[13:15])),
        cpu=sum(map(int, fields[11:15])) / TICKS,
        resident=int(fields[21]) * PAGE,
        files=files,
        file_limit=limit,
        fullest=files / limit if limit else 0.0,
        threads=int(fields[17]),
        started=_boot() + int(fields[19]) / TICKS,
    )


def _files(folder: Path) -> Iterator[Path]:
    # Yields nothing for a process of another user.
    with contextlib.suppress(OSError):
        yield from (folder / "fd").iterdir()


def _file_limit(folder: Path) -> int:
    with contextlib.suppress(OSError):
        if found := re.search(r"^Max open files +([0-9]+)", (folder / "limits").read_text(), re.MULTILINE):
            return int(found[1])
    return 0


def _boot() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line[6:])
    return 0.0
