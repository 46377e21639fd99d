"""Disks of a given size, and how to fill them."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.tools import absent, require, require_root


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """An empty file system of that size, such as `2m`. Skips the test where none can be mounted."""
    require_root()
    require("mount", "umount")
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        stderr=subprocess.PIPE,
        check=False,
    )
    if mounted.returncode:
        absent(f"mounting is not allowed here: {mounted.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Until nothing fits any more."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
