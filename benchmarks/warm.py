"""Touches memory once and gives it back: on virtual machines the first touch of a page is slow.

Without it the first server to fill the page cache pays for all that come after.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

SHARE = 0.6
MOST_BYTES = 16 << 30


def warm_memory(most_bytes: int = MOST_BYTES) -> int:
    """Let a child process touch so much of the free memory; how many bytes that were."""
    available = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    )
    size = min(int(available * SHARE), most_bytes)
    subprocess.run([sys.executable, "-m", "benchmarks.warm", str(size)], check=False)
    return size


def read_files(root: Path) -> None:
    """Bring all files below `root` into the page cache."""
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass


if __name__ == "__main__":
    mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
