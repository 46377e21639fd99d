"""Names in a folder that may not exist. Code that removes what it does not find uses `tree` instead."""

from __future__ import annotations

from moorage.drivers.base import Driver, PathNotFound


async def names_in(driver: Driver, folder: str) -> list[str]:
    """The names in a folder, sorted; empty if it does not exist. Raises DriverError."""
    try:
        return await driver.children(folder)
    except PathNotFound:
        return []
