"""Asking ahead: in order, no more at a time than allowed, and nothing goes on when nobody wants to know."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from moorage.store.ahead import answers


class Oracle:
    """Answers with the square, later items sooner."""

    def __init__(self) -> None:
        self.under_way = self.most = self.ended = 0

    async def __call__(self, number: int) -> int:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for _ in range(20 - number):
                await asyncio.sleep(0)
            if number == 13:
                raise ValueError("unlucky")
            return number * number
        finally:
            self.under_way -= 1
            self.ended += 1


@pytest.mark.parametrize("ahead", [1, 2, 5, 100])
async def test_answers_come_in_the_order_of_the_items(ahead: int) -> None:
    oracle = Oracle()
    found = [pair async for pair in answers(range(12), oracle, ahead=ahead)]
    assert found == [(number, number * number) for number in range(12)]
    assert oracle.most == min(ahead, 12)


@pytest.mark.parametrize("ahead", [1, 5])
async def test_an_error_comes_when_it_is_its_turn_and_ends_the_others(ahead: int) -> None:
    oracle, found = Oracle(), []

    async def collect() -> None:
        async for number, _ in answers(range(20), oracle, ahead=ahead):
            found.append(number)

    with pytest.raises(ValueError, match="unlucky"):
        await collect()
    assert found == list(range(13))
    assert oracle.under_way == 0


async def test_whoever_stops_early_stops_what_was_asked_ahead() -> None:
    oracle = Oracle()
    asking = answers(range(12), oracle, ahead=4)
    async with contextlib.aclosing(asking):
        async for number, _ in asking:
            if number == 2:
                break
    assert oracle.under_way == 0
    assert oracle.ended < 12
