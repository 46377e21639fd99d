"""A mount that hangs, as one of a network that is away: no call into it comes back."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

from tests.support.tools import absent, require_root

_DETACH = 2


@contextlib.contextmanager
def hanging_mount(folder: Path) -> Iterator[Path]:
    """A file system in user space that answers nothing. At the end, all calls that hang in it fail. Skips where none can be
    mounted."""
    require_root()
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        absent(f"/dev/fuse: {error.strerror}")
    try:
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
        if libc.mount(b"hanging", os.fsencode(folder), b"fuse", 0, options.encode()):
            absent(f"mounting is not allowed here: {os.strerror(ctypes.get_errno())}")
        try:
            yield folder
        finally:
            libc.umount2(os.fsencode(folder), _DETACH)
    finally:
        # Also ends what hangs.
        os.close(device)
