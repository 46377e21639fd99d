"""Concurrent calls to the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def _all(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Await all calls and return their results in order. Raises the first error, but only when all have ended."""
    results: list[T] = []
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results


async def some_at_once(most: int, calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Make all calls, at most `most` at a time, and return their results in order. After an error no further call begins, and it is
    raised when those under way have ended, so that none continues unnoticed."""
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

    await _all(work() for _ in range(most))
    return [results[number] for number in sorted(results)]
