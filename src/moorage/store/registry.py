"""The registry: all repositories over one driver."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from functools import lru_cache
from typing import Final

from moorage.drivers.base import ListingRefused
from moorage.names import Name
from moorage.store import layout
from moorage.store.ahead import ahead_of, answers
from moorage.store.listing import names_in
from moorage.store.repository import Repository, Stock

log = logging.getLogger(__name__)

REMEMBERED: Final = 1024
"""Repository objects that are kept. They hold no state but the name, and what was logged already."""

TOLD: Final = 1024
"""Folders that are known to be in the log. With more of them, some are told again."""


class Registry:
    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self._repository = lru_cache(maxsize=REMEMBERED)(self._make)
        self._refused: set[str] = set()

    def repository(self, name: str) -> Repository:
        """The repository, which need not exist: the storage is not touched. Raises NameInvalid."""
        return self._repository(name)

    def _make(self, name: str) -> Repository:
        return Repository(Name.parse(name), self.stock)

    async def names(self, after: str = "") -> AsyncGenerator[Name, None]:
        """Repositories after `after` that have had a manifest, sorted by code point.

        A repository may lie within another one (`a` and `a/b`), and `-` and `.` sort before the slash. So each
        folder appears twice in the order: as a name, and as the prefix of all names below it.

        A folder that may not be listed is left out with all below it, and logged once. Raises DriverError if the storage fails, or
        does not let even the names of the outermost folders be listed.

        A caller that stops early has to close the generator (`contextlib.aclosing`).
        """
        async with contextlib.aclosing(self._below("", await self._children(""), after)) as found:
            async for name in found:
                yield name

    async def _below(self, prefix: str, folders: Sequence[str], after: str) -> AsyncGenerator[Name, None]:
        """One listing per folder shows both whether it is a repository and what lies below it."""
        keys = sorted(
            key for folder in folders if not folder.startswith("_") for key in (folder, folder + "/")
        )
        keys = [key for key in keys if _comes(prefix + key, after)]
        listings: dict[str, list[str]] = {}
        listing = answers(
            dict.fromkeys(key.rstrip("/") for key in keys),
            lambda folder: self._permitted(prefix + folder),
            ahead=ahead_of(self.stock.driver),
        )
        async with contextlib.aclosing(listing):
            for key in keys:
                folder = key.rstrip("/")
                if folder not in listings:
                    _, listings[folder] = await anext(listing)
                if key.endswith("/"):
                    below = self._below(prefix + key, listings.pop(folder), after)
                    async with contextlib.aclosing(below):
                        async for name in below:
                            yield name
                elif Name.is_valid(prefix + key) and "_manifests" in listings[folder]:
                    yield Name(prefix + key)

    async def _permitted(self, path: str) -> list[str]:
        """What lies in a folder; nothing if it may not be listed."""
        try:
            found = await self._children(path)
        except ListingRefused as error:
            if path not in self._refused:
                if len(self._refused) >= TOLD:
                    self._refused.clear()
                self._refused.add(path)
                log.error(
                    "a folder cannot be listed, so the catalog leaves it out",
                    extra={"path": error.path, "reason": error.reason},
                )
            return []
        self._refused.discard(path)
        return found

    async def _children(self, path: str) -> list[str]:
        return await names_in(self.stock.driver, f"{layout.REPOSITORIES}/{path}".rstrip("/"))


def _comes(path: str, after: str) -> bool:
    """Whether `path`, or (if it ends with a slash) any name that begins with it, comes after `after`."""
    return path > after or (path.endswith("/") and after.startswith(path))
