"""What kind of file system a folder lies on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LOCAL: Final = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
)
"""Those that one machine alone writes to, with hard links, locks, and a call that syncs all of it."""


def is_local(path: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether the file system that a path is on, or will be on, is known for a local one."""
    try:
        lines = Path(mounts).read_text().splitlines()
    except OSError:
        return False
    real, longest, kind = os.path.realpath(path), -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        place = _unescaped(before.split()[4])
        if (real == place or real.startswith(place.rstrip("/") + "/")) and len(place) >= longest:
            # Of several in one place, the last one covers those before it.
            longest, kind = len(place), after.split()[0]
    return kind in LOCAL


def _unescaped(place: str) -> str:
    return place.encode().decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")
