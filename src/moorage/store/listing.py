"""Names in a folder that may not be there. For those who read or list: who removes what they do not find asks `tree`."""

from __future__ import annotations

from moorage.drivers.base import Driver, PathNotFound


async def names_in(driver: Driver, folder: str) -> list[str]:
    """Sorted; none where nothing is, or is any longer. Raises DriverError."""
    try:
        return await driver.children(folder)
    except PathNotFound:
        return []
