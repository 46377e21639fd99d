"""What stands where a file or a folder of the driver should be: told as what it is, and where it is.

Links to folders are followed, so that parts of the tree may lie on other disks. Links to files are not: who may write into the tree
could have any file of the system served.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from typing import Final

from moorage.drivers.base import A_FOLDER, DriverError, Obstructed, PathNotFound
from moorage.drivers.disk import Disk

A_LINK: Final = "is a symbolic link where a file should be, which is not followed"
A_DEVICE: Final = "is a pipe, a socket or a device where a file or a folder should be"
A_FILE: Final = "is a file where a folder should be"
NOWHERE: Final = "is a symbolic link that leads nowhere"

KINDS: Final = {errno.EISDIR: A_FOLDER, errno.ELOOP: A_LINK, errno.ENXIO: A_DEVICE}
"""What the kernel's refusal to open or replace something says of its kind."""


class BelowAFile(PathNotFound):
    """There is nothing, because a file is where a folder above it should be."""


def require_file(path: str, found: os.stat_result) -> None:
    """Raise Obstructed for anything but a file."""
    if not modes.S_ISREG(found.st_mode):
        raise Obstructed(path, A_FOLDER if modes.S_ISDIR(found.st_mode) else A_DEVICE)


def is_folder(disk: Disk, path: str) -> bool:
    """Whether a folder is at the real path itself."""
    try:
        return modes.S_ISDIR(disk.stat(path, follow_symlinks=False).st_mode)
    except OSError:
        return False


def followed(disk: Disk, root: str, path: str) -> os.stat_result:
    """What a symbolic link at the driver's `path` leads to, if that is a folder. Raises Obstructed, OSError."""
    try:
        found = disk.stat(root + path)
    except FileNotFoundError:
        raise Obstructed(path, NOWHERE) from None
    if not modes.S_ISDIR(found.st_mode):
        raise Obstructed(path, A_LINK)
    return found


def in_the_way(disk: Disk, root: str, path: str, error: DriverError) -> DriverError:
    """For a file that could not be written at the driver's `path`: what stands above it instead of a folder; else `error`.

    A reader of such a path is told that nothing is there, which is true. A writer cannot put anything there.
    """
    if not isinstance(error, PathNotFound):
        return error
    above = os.path.dirname(path)
    while len(above) > 1:
        try:
            if modes.S_ISDIR(disk.stat(root + above).st_mode):
                return error
            return Obstructed(above, A_FILE)
        except FileNotFoundError:
            if disk.exists(root + above):
                return Obstructed(above, NOWHERE)
        except NotADirectoryError:
            pass
        except OSError:
            return error
        above = os.path.dirname(above)
    return error
