"""Prefetching: items are asked about in order while the next answers are already in flight."""

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
"""Answers of a local disk, which never wait, before the event loop gets to serve other requests."""


def ahead_of(driver: Driver) -> int:
    """How many answers to have in flight. A local disk answers before anything else could be done."""
    return AHEAD if driver.distant else 1


async def answers(
    items: Iterable[T], ask: Callable[[T], Awaitable[R]], *, ahead: int
) -> AsyncGenerator[tuple[T, R], None]:
    """Each item with its answer, in the order of the items, with up to `ahead` questions in flight. An error of `ask` is raised
    when its item's turn comes. A caller that stops early has to close the generator (`contextlib.aclosing`)."""
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
