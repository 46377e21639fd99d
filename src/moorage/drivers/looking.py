"""For drivers whose files are put in place whole, and are whole or not there: they have no way to hold one while they look at it."""

from __future__ import annotations

from typing import Protocol

from moorage.drivers.base import Judge, Matches


class Files(Protocol):
    async def read(self, path: str) -> bytes: ...

    async def delete(self, path: str, *, durable: bool = True) -> None: ...


class LookingFirst:
    """A file that is written between the look and the removal is lost, except in memory, where nothing comes between them."""

    async def delete_matching(self: Files, folder: str, path: str, matches: Matches) -> bool:
        if not matches(await self.read(path)):
            return False
        await self.delete(folder)
        return True

    async def attest(self, path: str, size: int, judge: Judge) -> None:
        """No file loses bytes."""
