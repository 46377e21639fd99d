"""Concurrent work on many items, a few at a time: most of the time is spent waiting for the storage."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def abreast(limit: int, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Run `work` on each item, on at most `limit` at a time. On the first error the others are cancelled, and the error is
    raised once all have ended. Items are taken as their turn comes, and there are no more tasks than items."""
    waiting = iter(items)

    async def go_on(item: T) -> None:
        await work(item)
        for following in waiting:
            await work(following)

    try:
        async with asyncio.TaskGroup() as group:
            for first in itertools.islice(waiting, limit):
                group.create_task(go_on(first))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
