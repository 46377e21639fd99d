"""What kind of file system a folder lies on, and which mount of it."""

from __future__ import annotations

import os
import sys
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


_AT_FDCWD: Final = -100
_UNIQUE_ID: Final = 0x4000
"""STATX_MNT_ID_UNIQUE, since Linux 6.8."""
_STATX_BYTES: Final = 256
_ID_AT: Final = 144


def mount_of(path: str) -> int:
    """A number that the mount which a folder is on has alone, until the machine is started anew; 0 if the kernel tells none."""
    import ctypes

    found = ctypes.create_string_buffer(_STATX_BYTES)
    try:
        failed = ctypes.CDLL(None).statx(_AT_FDCWD, os.fsencode(path), 0, _UNIQUE_ID, found)
    except AttributeError:
        return 0
    mask, number = int.from_bytes(found.raw[:4], sys.byteorder), found.raw[_ID_AT : _ID_AT + 8]
    return int.from_bytes(number, sys.byteorder) if not failed and mask & _UNIQUE_ID else 0


def _unescaped(place: str) -> str:
    return place.encode().decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")
