"""Where a queue may be: on a disk of this machine. SQLite's log works in memory that processes share, and two machines have none."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_NETWORK: Final = (
    "nfs",
    "cifs",
    "smb",
    "ceph",
    "glusterfs",
    "fuse.",
    "afs",
    "lustre",
    "gfs",
    "ocfs",
    "beegfs",
)


def network_file_system(path: Path) -> str:
    """Its kind, as in `nfs4`, where the folder of a file is on one; empty otherwise, and where that cannot be found out."""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="surrogateescape")
    except OSError:
        return ""
    kind = kind_of_file_system(os.path.realpath(path.parent), mounts)
    return kind if kind.startswith(_NETWORK) else ""


def kind_of_file_system(folder: str, mounts: str) -> str:
    """`mounts`: lines of proc_mounts(5)."""
    kind, longest = "", ""
    for line in mounts.splitlines():
        _, escaped, found, *_ = line.split(" ")
        mounted = _OCTAL.sub(lambda match: chr(int(match[1], 8)), escaped)
        within = folder == mounted or folder.startswith(mounted.rstrip("/") + "/")
        # Of two on the same folder the later one hides the earlier.
        if within and len(mounted) >= len(longest):
            kind, longest = found, mounted
    return kind
