"""Facts about the processes of the server, summed: the workers, and the launcher that is their parent."""

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
    """Of one process or several. `cpu`: seconds of processor time, also those of children that have ended. `started`: seconds since
    1970, of the launcher. `fullest`: the limit of files is one of each process, so this tells of the process that is nearest to its
    own: which share of it is open."""

    cpu: float = 0.0
    resident: int = 0
    files: int = 0
    file_limit: int = 0
    fullest: float = 0.0
    threads: int = 0
    started: float = 0.0


@dataclass(frozen=True)
class Process(Usage):
    parent: int = 0


def usage(launcher: int, workers: Sequence[int]) -> Usage:
    """`workers` may be gone: what they have used is then in their parent's, once it has noticed, so that the sum never shrinks."""
    found = [read(launcher), *(process for process in map(read, workers) if process.parent == launcher)]
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
    """All 0 for one that is gone."""
    folder = Path(f"/proc/{pid}")
    try:
        # The name, in parentheses, may have spaces in it.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return Process()
    files, limit = sum(1 for _ in _files(folder)), _file_limit(folder)
    return Process(
        parent=int(fields[1]),
        cpu=sum(map(int, fields[11:15])) / TICKS,
        resident=int(fields[21]) * PAGE,
        files=files,
        file_limit=limit,
        fullest=files / limit if limit else 0.0,
        threads=int(fields[17]),
        started=_boot() + int(fields[19]) / TICKS,
    )


def _files(folder: Path) -> Iterator[Path]:
    # None of a process of somebody else.
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
