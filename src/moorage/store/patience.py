"""One file that cannot be read is damage; many in a row mean that the storage does not work."""

from __future__ import annotations

from typing import Final

from moorage.drivers.base import DriverError

IN_A_ROW: Final = 16


class Patience:
    def __init__(self) -> None:
        self._failures = 0

    def worked(self) -> None:
        self._failures = 0

    def failed(self, error: DriverError) -> None:
        """Count a failure. Raises the error if there were too many in a row."""
        self._failures += 1
        if self._failures >= IN_A_ROW:
            raise error
