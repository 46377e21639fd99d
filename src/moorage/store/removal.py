"""Removing what may be gone already."""

from __future__ import annotations

from moorage.drivers.base import Driver, PathNotFound


async def discard(driver: Driver, path: str, *, durable: bool = True) -> None:
    """Remove a file or a folder. It is not an error if it is gone already."""
    try:
        await driver.delete(path, durable=durable)
    except PathNotFound:
        pass
