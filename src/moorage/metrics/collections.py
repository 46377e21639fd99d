"""What garbage collections have done, asked of the storage once a minute by all workers together.

If each asked for itself, the one would tell what the other does not know yet, and Prometheus would take a counter that goes back for
one that began anew.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Final

from moorage.drivers.base import Driver
from moorage.store.garbage.history import Collected, collected, parse, written

KEPT_SECONDS: Final = 60.0


class Collections:
    """`folder` is shared by the workers."""

    def __init__(self, driver: Driver, folder: str) -> None:
        self._driver = driver
        self._path = Path(folder, "collected")

    async def look(self) -> Collected:
        """Raises DriverError."""
        with contextlib.suppress(OSError):
            if 0 <= time.time() - self._path.stat().st_mtime < KEPT_SECONDS:
                return parse(self._path.read_bytes())
        found = await collected(self._driver)
        with contextlib.suppress(OSError):
            new = self._path.with_suffix(f".{os.getpid()}")
            new.write_bytes(written(found))
            new.rename(self._path)
        return found
