"""The registry: all repositories over one driver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from typing import Final

from moorage.drivers.base import PathNotFound
from moorage.errors import NameInvalid
from moorage.names import Name
from moorage.store import layout
from moorage.store.repository import Repository, Stock

REMEMBERED: Final = 1024
"""Repositories whose parts are kept at hand; they hold nothing but their names."""


class Registry:
    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self._repository = lru_cache(maxsize=REMEMBERED)(self._make)

    def repository(self, name: str) -> Repository:
        """Touches no storage: a repository exists by what is in it. Raises NameInvalid."""
        return self._repository(name)

    def _make(self, name: str) -> Repository:
        return Repository(Name.parse(name), self.stock)

    async def names(self, after: str = "", *, having: Sequence[str] = ("_manifests",)) -> AsyncIterator[Name]:
        """Repositories that have one of those folders (by default: have had a manifest), sorted by code point,
        after `after`.

        A repository may lie within another one (`a` and `a/b`), and `-` and `.` sort before the slash: so each
        folder stands twice in the order, as a name of its own and as what all names below it begin with.
        """
        async for name in self._below("", after, having):
            yield name

    async def _below(self, prefix: str, after: str, having: Sequence[str]) -> AsyncIterator[Name]:
        folders = await self._children(prefix.rstrip("/"))
        keys = sorted(
            key for folder in folders if not folder.startswith("_") for key in (folder, folder + "/")
        )
        for key in keys:
            path = prefix + key
            if key.endswith("/"):
                if path > after or after.startswith(path):
                    async for name in self._below(path, after, having):
                        yield name
            elif path > after and await self._has(path, having):
                yield Name(path)

    async def _children(self, path: str) -> list[str]:
        try:
            return await self.stock.driver.children(f"{layout.REPOSITORIES}/{path}".rstrip("/"))
        except PathNotFound:
            return []

    async def _has(self, path: str, having: Sequence[str]) -> bool:
        try:
            name = Name.parse(path)
        except NameInvalid:
            return False
        for folder in having:
            if await self.stock.driver.is_folder(f"{layout.repository(name)}/{folder}"):
                return True
        return False
