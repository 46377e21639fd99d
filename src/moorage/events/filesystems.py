"""Detects network file systems, where a queue must not be: SQLite's write-ahead log needs memory shared by all its processes."""

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
    """The type of the network file system, such as `nfs4`, that the file's folder is on; empty if it is on none or unknown."""
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="surrogateescape")
    except OSError:
        return ""
    kind = kind_of_file_system(os.path.realpath(path.parent), mounts)
    return kind if kind.startswith(_NETWORK) else ""


def kind_of_file_system(folder: str, mounts: str) -> str:
    """The type of the file system that a folder is on. `mounts`: the content of /proc/mounts, see proc_mounts(5)."""
    kind, longest = "", ""
    for line in mounts.splitlines():
        _, escaped, found, *_ = line.split(" ")
        mounted = _OCTAL.sub(lambda match: chr(int(match[1], 8)), escaped)
        within = folder == mounted or folder.startswith(mounted.rstrip("/") + "/")
        # Of two mounts on the same folder, the later one hides the earlier.
        if within and len(mounted) >= len(longest):
            kind, longest = found, mounted
    return kind
