"""Lists what lies below a key, even if other programs have put foreign objects into the bucket.

Consoles and mounting programs make "folders": empty objects whose keys end with a slash. They count as folders and never as
files. A key that obstore considers invalid (`a//b`, `../x`, control characters) makes it refuse the whole listing; if the store
can also be listed without obstore, that is done then.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.again import asked

log = logging.getLogger(__name__)

T = TypeVar("T")

INVALID: Final = "object with invalid path"

FOREIGN: Final = 1000
"""After warnings about so many foreign objects, no more are logged."""


class EveryName(Protocol):
    """Lists keys without judging them."""

    async def everything(self, prefix: str) -> Sequence[obstore.ObjectMeta]: ...

    async def level(self, prefix: str) -> Sequence[str]:
        """The keys that begin with the prefix, each cut off after the first slash that follows it."""
        ...

    def close(self) -> None: ...


class Listing:
    """Lists objects below a key, given without a trailing slash; the empty key is the whole bucket. `hasty` makes the same store with few
    retries. Raises DriverError."""

    def __init__(
        self,
        store: ObjectStore,
        otherwise: EveryName | None,
        hasty: Callable[[], ObjectStore] | None = None,
    ) -> None:
        self._store = store
        self._otherwise = otherwise
        self._hasty = hasty
        self._foreign: set[str] = set()

    async def everything(self, key: str) -> Sequence[obstore.ObjectMeta]:
        """All objects below the key. One call per thousand objects."""
        found = await self._ask(key, lambda: obstore.list(self._store, key or None).collect_async())
        if found is None:
            found = await self._otherwise_everything(key)
        # An object with the key itself is the folder.
        return [one for one in found if one["path"] != key]

    async def names(self, key: str) -> list[str] | None:
        """The sorted names in a folder; empty for an empty folder, None if there is no folder. One call per thousand names."""
        start = len(key) + 1 if key else 0
        found = await self._ask(key, lambda: obstore.list_with_delimiter_async(self._store, key or None))
        if found is None:
            below = await self._otherwise_level(key)
        else:
            below = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        if not below:
            return None
        return sorted({path[start:] for path in below if self._known(path)} - {""})

    async def anything(self, key: str) -> bool:
        """Whether anything but an empty folder is there. One call, with few retries."""
        store = self._store if self._hasty is None else self._hasty()

        async def first() -> bool:
            async for found in obstore.list(store, key or None, chunk_size=2):
                return any(one["path"] != key for one in found)
            return False

        answer = await self._ask(key, first)
        return bool(await self.names(key)) if answer is None else answer

    def close(self) -> None:
        if self._otherwise is not None:
            self._otherwise.close()

    async def _ask(self, key: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """The result of `call`, or None if obstore refuses the listing and there is another way to ask."""
        try:
            return await asked(f"/{key}", call)
        except DriverError as error:
            if INVALID in str(error) and self._otherwise is not None:
                return None
            raise

    async def _otherwise_everything(self, key: str) -> list[obstore.ObjectMeta]:
        assert self._otherwise is not None
        found = await self._otherwise.everything(f"{key}/" if key else "")
        kept = []
        for one in found:
            one["path"] = one["path"].removesuffix("/")
            if self._known(one["path"]):
                kept.append(one)
        return kept

    async def _otherwise_level(self, key: str) -> list[str]:
        assert self._otherwise is not None
        prefix = f"{key}/" if key else ""
        found = await self._otherwise.level(prefix)
        return [name.removesuffix("/") for name in found]

    def _known(self, path: str) -> bool:
        """Whether obstore accepts the path. Logs a warning for a path that it refuses, once."""
        strange = any(part in ("", ".", "..") for part in path.split("/")) or not path.isprintable()
        if strange and path not in self._foreign and len(self._foreign) < FOREIGN:
            self._foreign.add(path)
            log.warning("not an object of a registry, left alone", extra={"key": path})
        return not strange
