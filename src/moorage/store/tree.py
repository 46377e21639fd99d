"""The storage tree, read through its listings, for code that removes what it does not find.

A storage can answer "not found" for something that exists: a request timed out behind a proxy, or a network file
system has not caught up with a directory. A pull that believes this fails once; a garbage collection that believes it
removes an image. So "not found" counts here only if a fresh listing of the parent folder does not show the name
either. If the listing does show it, the two contradict each other, and the read raises a DriverError, as for any
other failure of the storage. Nothing in this module writes, repairs links, or caches.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, TypeVar

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.names import Name
from moorage.store import layout
from moorage.store.ahead import ahead_of, answers
from moorage.store.listing import digests_and_others, repository_folders

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)

PARTS: Final = frozenset({"_manifests", "_layers", "_referrers"})
"""A folder that has one of these is a repository. An upload alone does not make one."""


class Contradiction(DriverError):
    """The storage lists something that it does not find."""


class Tree:
    """A reader of the tree. Its reads raise DriverError whenever the storage leaves open what exists."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._ahead = ahead_of(driver)
        self.warnings = 0

    def warn(self, message: str, path: str, **more: str) -> None:
        self.warnings += 1
        log.warning(message, extra={"path": path, **more})

    async def empty(self) -> bool:
        """Whether there is no tree at all. Asks twice, since there is no parent folder whose listing could confirm it."""
        for _ in range(2):
            try:
                await self._driver.children(layout.ROOT)
            except PathNotFound:
                continue
            return False
        return True

    async def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; empty if it does not exist or is a file."""
        try:
            return await self._driver.children(folder)
        except PathNotFound as reason:
            if await self._is_file(folder):
                self.warn("a file where a folder should be, left alone", folder)
            elif not await self._absent(folder):
                raise Contradiction(folder, f"listed, and then not found ({reason})") from None
            return []

    async def read(self, path: str) -> bytes | None:
        """The content of a small file; None if it does not exist."""
        try:
            return await self._driver.read(path)
        except PathNotFound as reason:
            if not await self._absent(path):
                raise Contradiction(path, f"listed, and then not found ({reason})") from None
            return None

    async def modified(self, path: str) -> float | None:
        """The time of the last change, in seconds since the epoch; None if the path does not exist."""
        try:
            return (await self._driver.stat(path)).modified
        except PathNotFound as reason:
            if not await self._absent(path):
                raise Contradiction(path, f"listed, and then not found ({reason})") from None
            return None

    async def digests(self, folder: str) -> tuple[list[Digest], list[str]]:
        """The digests that `<folder>/<algorithm>/<hex>` names, sha256 first, and the paths of anything else there."""
        found: list[Digest] = []
        others: list[str] = []
        for algorithm in await self.names(folder):
            digests, names = digests_and_others(await self.names(f"{folder}/{algorithm}"), algorithm)
            found += digests
            others += [f"{folder}/{algorithm}/{name}" for name in names]
        return found, others

    async def repositories(self) -> AsyncIterator[tuple[Name, list[str]]]:
        """Every folder that has `_manifests`, `_layers` or `_referrers`, with the names in it. In no particular order,
        and including folders whose name is not valid: their content was pushed once."""
        async with contextlib.aclosing(repository_folders(self.names, ahead=self._ahead)) as folders:
            async for name, names in folders:
                if not PARTS.isdisjoint(names):
                    yield Name(name), names

    def ask(
        self, items: Iterable[T], question: Callable[[T], Awaitable[R]]
    ) -> AsyncGenerator[tuple[T, R], None]:
        """Each item with its answer, in the order of the items (see `store.ahead`)."""
        return answers(items, question, ahead=self._ahead)

    async def _absent(self, path: str) -> bool:
        """Whether a fresh listing confirms that the path is absent: that of the parent folder, or of one further up if
        the parent is gone too."""
        folder, _, name = path.rpartition("/")
        try:
            return name not in await self._driver.children(folder)
        except PathNotFound:
            if await self._is_file(folder):
                return True
        # The root was listed before. If it is gone now, that is a failure of the storage and proves nothing.
        return folder != layout.ROOT and await self._absent(folder)

    async def _is_file(self, path: str) -> bool:
        try:
            return not (await self._driver.stat(path)).is_folder
        except PathNotFound:
            return False
