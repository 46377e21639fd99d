"""Which file systems a journal is kept on."""

from __future__ import annotations

from typing import Final

from moorage.mounts import kind_at

LOCAL: Final = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
)
"""Those that one machine alone writes to, with hard links, locks, and a call that syncs all of it."""


def is_local(path: str) -> bool:
    """Whether the file system that a path is on, or will be on, is known for a local one."""
    return kind_at(path) in LOCAL
