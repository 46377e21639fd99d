"""Asking about one thing after the other while the next answers are on their way already: over a network most of the time goes
into waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Final, TypeVar

from moorage.drivers.base import Driver

T = TypeVar("T")
R = TypeVar("R")

AHEAD: Final = 16

TURN: Final = 64
"""Answers of a local disk, which do not wait, before other requests get their turn."""


def ahead_of(driver: Driver) -> int:
    """How many answers are best waited for at a time. A local disk answers before anything else could be done."""
    return AHEAD if driver.distant else 1


async def answers(
    items: Iterable[T], ask: Callable[[T], Awaitable[R]], *, ahead: int
) -> AsyncGenerator[tuple[T, R], None]:
    """Each item with its answer, in their order; `ahead` of them are asked at a time. Raises what `ask` raises, when its turn
    comes. Close it (`contextlib.aclosing`) when not all are wanted."""
    if ahead <= 1:
        for position, item in enumerate(items, start=1):
            yield item, await ask(item)
            if position % TURN == 0:
                await asyncio.sleep(0)
        return
    asked: deque[tuple[T, asyncio.Future[R]]] = deque()
    try:
        for item in items:
            asked.append((item, asyncio.ensure_future(ask(item))))
            if len(asked) == ahead:
                yield asked[0][0], await asked[0][1]
                asked.popleft()
        while asked:
            yield asked[0][0], await asked[0][1]
            asked.popleft()
    finally:
        for _, answer in asked:
            answer.cancel()
        await asyncio.gather(*(answer for _, answer in asked), return_exceptions=True)
