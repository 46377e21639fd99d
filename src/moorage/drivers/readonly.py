"""A driver that refuses to change anything, for a read-only registry, where even repairs have to wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from moorage.drivers.base import Creation, Driver, DriverError, FileInfo, Judge, Matches, Part, Reader, Writer

_REFUSED: Final = "the registry is read-only"


class ReadOnlyDriver:
    """Reads from another driver. Every write raises DriverError.

    Written out instead of derived from `DelegatingDriver`: a method that is added to the interface must be looked at here, and not passed on.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.name = driver.name
        self.exclusive = driver.exclusive
        self.distant = driver.distant
        self.redirects = driver.redirects
        self.notes = driver.notes
        self.least_chunk = driver.least_chunk

    async def read(self, path: str) -> bytes:
        return await self._driver.read(path)

    async def read_noted(self, path: str) -> tuple[bytes, bytes]:
        return await self._driver.read_noted(path)

    async def write_noted(self, path: str, data: bytes, note: bytes) -> None:
        raise DriverError(path, _REFUSED)

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        return await self._driver.open(path, mark=mark, part=part)

    async def written(self, path: str) -> FileInfo:
        return await self._driver.written(path)

    async def abandoned(
        self, folders: Iterable[str], before: float, *, remove: bool
    ) -> list[tuple[str, float]]:
        return []

    async def direct(self, path: str, method: str, client: str) -> str | None:
        return await self._driver.direct(path, method, client)

    async def is_folder(self, path: str) -> bool:
        return await self._driver.is_folder(path)

    async def stat(self, path: str) -> FileInfo:
        return await self._driver.stat(path)

    async def attest(self, path: str, size: int, judge: Judge) -> None:
        raise DriverError(path, _REFUSED)

    async def children(self, path: str) -> list[str]:
        return await self._driver.children(path)

    async def close(self) -> None:
        await self._driver.close()

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        raise DriverError(next((path for path, _ in chain(*stages)), ""), _REFUSED)

    async def begin(self, path: str, data: bytes, file: str) -> str:
        raise DriverError(path, _REFUSED)

    def create(self, path: str, size: int) -> Creation | None:
        return None

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        raise DriverError(path, _REFUSED)

    async def move(
        self,
        source: str,
        target: str,
        files: Iterable[tuple[str, bytes]] = (),
        *,
        mark: str = "",
        remove: Sequence[str] = (),
    ) -> None:
        raise DriverError(source, _REFUSED)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        raise DriverError(path, _REFUSED)

    async def delete_matching(self, folder: str, path: str, matches: Matches) -> bool:
        raise DriverError(path, _REFUSED)
