"""Detects network file systems, where a queue must not be: SQLite's write-ahead log needs memory shared by all its processes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from moorage.mounts import kind_at

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
    kind = kind_at(str(path.parent))
    return kind if kind.startswith(_NETWORK) else ""
