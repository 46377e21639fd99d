"""A driver that refuses to change anything: for a registry that is read-only, where even a repair must wait."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from moorage.drivers.base import Driver, DriverError, FileInfo, Reader, Writer


class ReadOnlyDriver:
    """Reads from another driver. What writes raises DriverError."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.name = driver.name

    async def read(self, path: str) -> bytes:
        return await self._driver.read(path)

    async def open(self, path: str) -> Reader:
        return await self._driver.open(path)

    async def stat(self, path: str) -> FileInfo:
        return await self._driver.stat(path)

    async def children(self, path: str) -> list[str]:
        return await self._driver.children(path)

    async def close(self) -> None:
        await self._driver.close()

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        raise DriverError(next((path for path, _ in chain(*stages)), ""), "the registry is read-only")

    async def touch(self, path: str, data: bytes) -> None:
        raise DriverError(path, "the registry is read-only")

    async def writer(self, path: str) -> Writer:
        raise DriverError(path, "the registry is read-only")

    async def move(
        self, source: str, target: str, files: Iterable[tuple[str, bytes]] = (), *, remove: str = ""
    ) -> None:
        raise DriverError(source, "the registry is read-only")

    async def delete(self, path: str, *, durable: bool = True) -> None:
        raise DriverError(path, "the registry is read-only")
