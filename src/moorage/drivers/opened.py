"""Open files of another driver, for drivers that watch what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from moorage.drivers.base import Creation, Meanwhile, Writer, ignore

Within = Callable[[], AbstractContextManager[None]]
"""Makes the context in which each call of the file runs."""

Ended = Callable[[int], None]
"""Called when nothing more will be written, with the number of bytes that were given to the file."""


def nothing(_: int) -> None:
    """An `Ended` that does nothing."""


class _Growing:
    """The common part of writers and creations."""

    def __init__(self, file: Writer | Creation, within: Within, ended: Ended = nothing) -> None:
        self._file = file
        self._within = within
        self._ended = ended
        self._given = 0

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        self._given += sum(map(len, pieces))
        with self._within():
            await self._file.write(pieces, meanwhile, ahead=ahead)

    async def flush(self) -> None:
        with self._within():
            await self._file.flush()


class WatchedWriter(_Growing):
    _file: Writer

    @property
    def size(self) -> int:
        return self._file.size

    @property
    def mark(self) -> str:
        return self._file.mark

    async def close(self) -> None:
        try:
            with self._within():
                await self._file.close()
        finally:
            self._ended(self._given)


class WatchedCreation(_Growing):
    _file: Creation

    async def commit(self) -> None:
        try:
            with self._within():
                await self._file.commit()
        finally:
            self._ended(self._given)

    async def abort(self) -> None:
        try:
            await self._file.abort()
        finally:
            self._ended(self._given)
