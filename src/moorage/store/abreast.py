"""Many small steps with a few of them under way at a time: most of the time goes into waiting for the storage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def abreast(limit: int, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do the work on each item, on at most `limit` at a time. Raises the first error once all that was begun has ended."""
    waiting = iter(items)

    async def go_on() -> None:
        for item in waiting:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(go_on())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
