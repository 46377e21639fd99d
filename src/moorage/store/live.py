"""A `Tree` for a registry that is being written to: a read is retried when a concurrent change made it look contradictory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from moorage.store.tree import Contradiction, Tree

T = TypeVar("T")

TIMES: Final = 3
"""Attempts of a read. If the last one contradicts itself too, the storage is at fault and not a concurrent change."""


class LiveTree(Tree):
    async def names(self, folder: str) -> list[str]:
        return await _again(lambda: super(LiveTree, self).names(folder))

    async def read(self, path: str) -> bytes | None:
        return await _again(lambda: super(LiveTree, self).read(path))

    async def modified(self, path: str) -> float | None:
        return await _again(lambda: super(LiveTree, self).modified(path))


async def _again(ask: Callable[[], Awaitable[T]]) -> T:
    for _ in range(TIMES - 1):
        try:
            return await ask()
        except Contradiction:
            continue
    return await ask()
