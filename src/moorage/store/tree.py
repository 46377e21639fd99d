"""The storage tree read by its listings, for those who remove what they do not find.

A storage can answer "not found" for what is there: a request that timed out behind a proxy, a directory that a
network file system has not caught up with. A pull that believes it fails once; a collection that believes it
removes an image. So "not found" counts here only when a fresh listing of the folder above does not show the name
either. A listing that shows it makes the two contradict each other, and the reading ends with a DriverError, like any
other failure of the storage. Nothing in this module writes, repairs links, or remembers.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, TypeVar

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.errors import DigestInvalid
from moorage.names import Name
from moorage.store import layout
from moorage.store.ahead import ahead_of, answers

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)

PARTS: Final = frozenset({"_manifests", "_layers", "_referrers"})
"""Folders that make a folder a repository. An upload alone does not."""


class Contradiction(DriverError):
    """The storage lists something that it then does not find."""


class Tree:
    """Methods raise DriverError whenever the storage leaves open what is there."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._ahead = ahead_of(driver)
        self.warnings = 0

    def warn(self, message: str, path: str, **more: str) -> None:
        self.warnings += 1
        log.warning(message, extra={"path": path, **more})

    async def empty(self) -> bool:
        """There is no tree at all. Asked twice, for there is no listing above to ask."""
        for _ in range(2):
            try:
                await self._driver.children(layout.ROOT)
            except PathNotFound:
                continue
            return False
        return True

    async def names(self, folder: str) -> list[str]:
        """Sorted; none for a folder that is not there, or that is a file."""
        try:
            return await self._driver.children(folder)
        except PathNotFound as reason:
            if await self._is_file(folder):
                self.warn("a file where a folder should be, left alone", folder)
            elif not await self._absent(folder):
                raise Contradiction(folder, f"listed, and then not found ({reason})") from None
            return []

    async def read(self, path: str) -> bytes | None:
        """The whole of a small file; None when it is not there."""
        try:
            return await self._driver.read(path)
        except PathNotFound as reason:
            if not await self._absent(path):
                raise Contradiction(path, f"listed, and then not found ({reason})") from None
            return None

    async def modified(self, path: str) -> float | None:
        """In seconds since the epoch; None when it is not there."""
        try:
            return (await self._driver.stat(path)).modified
        except PathNotFound as reason:
            if not await self._absent(path):
                raise Contradiction(path, f"listed, and then not found ({reason})") from None
            return None

    async def digests(self, folder: str) -> tuple[list[Digest], list[str]]:
        """What `<folder>/<algorithm>/<hex>` names, sha256 first, and the paths of whatever else lies there."""
        found: list[Digest] = []
        others: list[str] = []
        for algorithm in await self.names(folder):
            for hexadecimal in await self.names(f"{folder}/{algorithm}"):
                try:
                    found.append(Digest.parse(f"{algorithm}:{hexadecimal}"))
                except DigestInvalid:
                    others.append(f"{folder}/{algorithm}/{hexadecimal}")
        return found, others

    async def repositories(self) -> AsyncIterator[tuple[Name, list[str]]]:
        """Every folder that has `_manifests`, `_layers` or `_referrers`, with the names in it. In no order, and
        also where the name is none that can be asked for: what lies there was pushed once."""
        level = [""]
        while level:
            below = []
            async for path, names in self.ask(level, lambda path: self.names(f"{layout.REPOSITORIES}{path}")):
                if not PARTS.isdisjoint(names):
                    yield Name(path[1:]), names
                below += [f"{path}/{name}" for name in names if not name.startswith("_")]
            level = below

    def ask(
        self, items: Iterable[T], question: Callable[[T], Awaitable[R]]
    ) -> AsyncGenerator[tuple[T, R], None]:
        """Each item with its answer, in their order (`store.ahead`)."""
        return answers(items, question, ahead=self._ahead)

    async def _absent(self, path: str) -> bool:
        """A fresh listing does not show it: of the folder above, or of one further up when that is gone too."""
        folder, _, name = path.rpartition("/")
        try:
            return name not in await self._driver.children(folder)
        except PathNotFound:
            if await self._is_file(folder):
                return True
        # The root was listed once. That it is gone now tells of the storage, not of what was stored.
        return folder != layout.ROOT and await self._absent(folder)

    async def _is_file(self, path: str) -> bool:
        try:
            return not (await self._driver.stat(path)).is_folder
        except PathNotFound:
            return False
