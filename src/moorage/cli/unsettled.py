"""What commands do about the journal of a server that was killed or lost its power: what was pushed last may be there alone.

A command that only looks tells so. One that reads everything for good writes it into the tree first, as a start does. That of a server that
runs is no matter: what it holds is in the tree, too.
"""

from __future__ import annotations

import logging

from moorage.drivers.base import Driver, DriverError
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.journal.journal import JOURNAL

log = logging.getLogger(__name__)


def tell(driver: Driver) -> None:
    """Log it if something may be missing in the tree. Changes nothing."""
    if not isinstance(driver, FilesystemDriver):
        return
    try:
        driver.prepare(read_only=True)
    except DriverError as error:
        # The command goes on: it may read all the rest.
        _tell_unknown(driver, str(error))


def settle(driver: Driver) -> None:
    """Write into the tree what may be missing there. Where that cannot be done, it is logged, with what may be missing."""
    if not isinstance(driver, FilesystemDriver):
        return
    try:
        if not driver.left_behind():
            return
    except OSError as error:
        _tell_unknown(driver, error.strerror or str(error))
        return
    try:
        driver.prepare()
    except DriverError as error:
        log.warning(
            "the journal cannot be written into the tree",
            extra={"path": f"{driver.root}/{JOURNAL}", "reason": str(error)},
        )
    # Also where there was no room, which is not raised.
    tell(driver)


def _tell_unknown(driver: FilesystemDriver, reason: str) -> None:
    log.warning(
        "the journal cannot be looked at: if the registry was killed, what was pushed last may be missing",
        extra={"path": f"{driver.root}/{JOURNAL}", "reason": reason},
    )
