"""What lies below a name, also where others have put things into the bucket that no registry would.

Consoles and mounting programs make "folders": empty objects whose names end with a slash. They hold nothing, so they count as
folders and never as files. Names that obstore takes for none (`a//b`, `../x`, control characters) make it refuse the whole
listing; a store that can be asked otherwise then is.
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
"""Names of foreign objects that were warned of, and are not again."""


class EveryName(Protocol):
    """Lists names whatever they are."""

    async def everything(self, prefix: str) -> Sequence[obstore.ObjectMeta]: ...

    async def level(self, prefix: str) -> Sequence[str]:
        """The names that begin with the prefix, cut off behind the first slash after it."""
        ...

    def close(self) -> None: ...


class Listing:
    """Keys are given without a slash at their end; empty for the whole bucket. Raises DriverError."""

    def __init__(self, store: ObjectStore, otherwise: EveryName | None = None) -> None:
        self._store = store
        self._otherwise = otherwise
        self._foreign: set[str] = set()

    async def everything(self, key: str) -> Sequence[obstore.ObjectMeta]:
        """One call for a thousand objects."""
        found = await self._ask(key, lambda: obstore.list(self._store, key or None).collect_async())
        if found is None:
            found = await self._otherwise_everything(key)
        # That one is the folder itself.
        return [one for one in found if one["path"] != key]

    async def names(self, key: str) -> list[str] | None:
        """Sorted; none in an empty folder, and None where there is no folder. One call for a thousand names."""
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
        """Whether there is more than an empty folder. One call."""

        async def first() -> bool:
            async for found in obstore.list(self._store, key or None, chunk_size=2):
                return any(one["path"] != key for one in found)
            return False

        answer = await self._ask(key, first)
        return bool(await self.names(key)) if answer is None else answer

    def close(self) -> None:
        if self._otherwise is not None:
            self._otherwise.close()

    async def _ask(self, key: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """None for what has to be asked otherwise."""
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
        """Whether obstore can ask for it; of any other one a warning is logged, once."""
        strange = any(part in ("", ".", "..") for part in path.split("/")) or not path.isprintable()
        if strange and path not in self._foreign and len(self._foreign) < FOREIGN:
            self._foreign.add(path)
            log.warning("not an object of a registry, left alone", extra={"key": path})
        return not strange
