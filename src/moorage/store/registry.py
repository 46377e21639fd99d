"""The registry: all repositories over one driver."""

from __future__ import annotations

from collections.abc import AsyncIterator

from moorage.drivers.base import PathNotFound
from moorage.errors import NameInvalid
from moorage.names import Name
from moorage.store import layout
from moorage.store.repository import Repository, Stock


class Registry:
    def __init__(self, stock: Stock) -> None:
        self.stock = stock

    def repository(self, name: Name) -> Repository:
        """Touches no storage: a repository exists by what is in it."""
        return Repository(name, self.stock)

    async def names(self, after: str = "") -> AsyncIterator[Name]:
        """Repositories that have had a manifest, sorted by code point, after `after`.

        A repository may lie within another one (`a` and `a/b`), and `-` and `.` sort before the slash: so each
        folder stands twice in the order, as a name of its own and as what all names below it begin with.
        """
        async for name in self._below("", after):
            yield name

    async def _below(self, prefix: str, after: str) -> AsyncIterator[Name]:
        folders = await self._children(prefix.rstrip("/"))
        keys = sorted(
            key for folder in folders if not folder.startswith("_") for key in (folder, folder + "/")
        )
        for key in keys:
            path = prefix + key
            if key.endswith("/"):
                if path > after or after.startswith(path):
                    async for name in self._below(path, after):
                        yield name
            elif path > after and await self._is_repository(path):
                yield Name(path)

    async def _children(self, path: str) -> list[str]:
        try:
            return await self.stock.driver.children(f"{layout.REPOSITORIES}/{path}".rstrip("/"))
        except PathNotFound:
            return []

    async def _is_repository(self, path: str) -> bool:
        try:
            await self.stock.driver.stat(layout.manifests(Name.parse(path)))
        except (PathNotFound, NameInvalid):
            return False
        return True
