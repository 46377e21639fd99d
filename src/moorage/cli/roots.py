"""Checks that a command can reach the content. A missing root folder is not an empty registry: a disk is not mounted, or the path is
mistyped. Nor is the memory of this process, which is not that of a server."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from moorage.cli.starting import NOT_DONE, fail

if TYPE_CHECKING:
    from moorage.config import Configuration


def require_root(configuration: Configuration, *, code: int = 1) -> None:
    """Exit if the storage is a folder that cannot be accessed. An empty folder is fine, and so is another driver."""
    from moorage.config.sections.drivers import Filesystem
    from moorage.drivers.base import DriverError
    from moorage.storage import require_encodable_root

    parameters = configuration.storage.driver.parameters
    if not isinstance(parameters, Filesystem):
        return
    try:
        require_encodable_root(parameters)
    except DriverError as error:
        fail(str(error), code=code)
    root = os.path.abspath(parameters.rootdirectory)
    try:
        os.stat(os.path.join(root, "."))
    except OSError as error:
        absent = error.errno in (errno.ENOENT, errno.ENOTDIR)
        question = "; is the disk mounted, and the path right?" if absent else ""
        fail(f"storage.filesystem.rootdirectory: {root}: {error.strerror}{question}", code=code)


def refuse_memory(configuration: Configuration, done: str) -> None:
    """Exit if the content is in the memory of another process. `done`: what would have been, such as `copied`."""
    if configuration.storage.driver.name == "inmemory":
        fail(f"nothing was {done}: what is in memory is in another process", code=NOT_DONE)
