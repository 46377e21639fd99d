"""Calls that are made at once."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from moorage.drivers.objectstore.together import some_at_once


async def test_no_more_are_under_way_than_asked_for_and_results_keep_their_order() -> None:
    under_way, most = 0, 0

    async def call(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(number % 5):
            await asyncio.sleep(0)
        under_way -= 1
        return number

    assert await some_at_once(3, [partial(call, number) for number in range(20)]) == list(range(20))
    assert most == 3


async def test_after_an_error_no_other_begins_and_those_under_way_end_first() -> None:
    begun, ended = [], []

    async def call(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        await asyncio.sleep(0)
        ended.append(number)

    with pytest.raises(ValueError, match="two"):
        await some_at_once(3, [partial(call, number) for number in range(20)])
    assert begun == [0, 1, 2]
    assert ended == [0, 1]
