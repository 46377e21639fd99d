"""What was measured on: processor, memory, kernel, file system, versions, and two yardsticks."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import quantile

SYNCED_FILES = 100
HASHED_BYTES = 64 << 20


def facts(workdir: Path) -> dict[str, str]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": _file_system(workdir),
        "Python": f"{platform.python_version()}, Granian {importlib.metadata.version('granian')}",
        "wrk": _first_line("wrk", "-v"),
        "SHA-256 on one core": f"{_hash_rate():.2f} GB/s",
        "write and fsync of a small file": "p50 {:.2f} ms, p90 {:.2f} ms".format(*_sync_times(workdir)),
    }


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not there"
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def _commit() -> str:
    here = str(Path(__file__).parent)
    commit = _first_line("git", "-C", here, "rev-parse", "--short=12", "HEAD")
    changed = _first_line("git", "-C", here, "status", "--porcelain", "--untracked-files=no", "../src")
    return f"{commit}, with changes that are not committed" if changed else commit


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = set(fields.get("flags", "").split())
    traits = [
        f"{os.cpu_count()} cores",
        "SHA-NI" if "sha_ni" in flags else "no SHA-NI",
        *(["virtual machine"] if "hypervisor" in flags else []),
    ]
    return f"{fields.get('model name', platform.machine())} ({', '.join(traits)})"


def _file_system(folder: Path) -> str:
    """The type of the mount that is nearest above the folder."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(point, kind) for point, kind in mounts if folder.is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0]))[1]


def _hash_rate() -> float:
    data = os.urandom(HASHED_BYTES)
    begun = time.perf_counter()
    hashlib.sha256(data)
    return HASHED_BYTES / (time.perf_counter() - begun) / 1e9


def _sync_times(workdir: Path) -> tuple[float, float]:
    path, times = workdir / "yardstick", []
    for _ in range(SYNCED_FILES):
        begun = time.perf_counter()
        with path.open("wb", buffering=0) as file:
            file.write(b"x" * 71)
            os.fsync(file.fileno())
        times.append((time.perf_counter() - begun) * 1e3)
    path.unlink()
    times.sort()
    return quantile(times, 0.5), quantile(times, 0.9)
