"""Calls to the store that are made at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(calls: Iterable[Awaitable[T]]) -> list[T]:
    """What they return, in their order. Raises the first error when all have ended, so that nothing goes on unseen."""
    results: list[T] = []
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results


async def some_at_once(most: int, calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """As `together` with `most` of them at a time. After an error no other one begins."""
    results: dict[int, T] = {}
    waiting = iter(enumerate(calls))
    failed = False

    async def work() -> None:
        nonlocal failed
        for number, call in waiting:
            try:
                results[number] = await call()
            except BaseException:
                failed = True
                raise
            if failed:
                return

    await together(work() for _ in range(most))
    return [results[number] for number in sorted(results)]
