"""The common part of drivers whose files grow in place, on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from moorage.drivers.base import FileInfo, PathNotFound


class Files(Protocol):
    async def read(self, path: str) -> bytes: ...

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None: ...

    async def stat(self, path: str) -> FileInfo: ...


class InPlace:
    """Keeps no notes, uses no marks and never redirects clients. Writers are exclusive, a verified upload is moved to its place,
    and what is left of an interrupted one shows at its path."""

    exclusive = True
    distant = False
    redirects = False
    notes = 0
    least_chunk = 0

    async def read_noted(self: Files, path: str) -> tuple[bytes, bytes]:
        return await self.read(path), b""

    async def write_noted(self: Files, path: str, data: bytes, note: bytes) -> None:
        await self.write([(path, data)])

    async def written(self: Files, path: str) -> FileInfo:
        return await self.stat(path)

    async def is_folder(self: Files, path: str) -> bool:
        try:
            return (await self.stat(path)).is_folder
        except PathNotFound:
            return False

    async def abandoned(
        self, folders: Iterable[str], before: float, *, remove: bool
    ) -> list[tuple[str, float]]:
        return []

    async def direct(self, path: str, method: str, client: str) -> str | None:
        return None

    def create(self, path: str, size: int) -> None:
        return None
