"""What kind of file system a folder lies on."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


def kind_at(path: str, mounts: str = "/proc/self/mountinfo") -> str:
    """The type of the file system that a path is on, or will be on, such as `ext4`; empty if it is unknown. `mounts`: a file as
    proc_pid_mountinfo(5) describes it."""
    try:
        # Bytes: other mounts may have names that are no UTF-8, or with white space that only Unicode knows.
        lines = Path(mounts).read_bytes().split(b"\n")
    except OSError:
        return ""
    real, longest, kind = os.fsencode(os.path.realpath(path)), -1, b""
    for line in filter(None, lines):
        before, _, after = line.partition(b" - ")
        place = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), before.split(b" ")[4])
        within = real == place or real.startswith(place.rstrip(b"/") + b"/")
        # Of several in one place, the last one covers those before it.
        if within and len(place) >= longest:
            longest, kind = len(place), after.split(b" ")[0]
    return os.fsdecode(kind)
