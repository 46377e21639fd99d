"""Work on many items, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from moorage.store.abreast import abreast


@pytest.mark.parametrize(("items", "tasks"), [(0, 0), (1, 1), (3, 3), (10, 4)])
async def test_there_are_no_more_tasks_than_items_and_never_more_than_allowed(items: int, tasks: int) -> None:
    before = len(asyncio.all_tasks())
    done: list[int] = []
    seen: list[int] = []

    async def work(item: int) -> None:
        seen.append(len(asyncio.all_tasks()) - before)
        await asyncio.sleep(0)
        done.append(item)

    await abreast(4, range(items), work)
    assert sorted(done) == list(range(items))
    assert max(seen, default=0) == tasks


async def test_items_are_taken_as_their_turn_comes() -> None:
    taken = done = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 20:
            assert taken - done <= 4
            taken += 1
            yield taken

    async def work(item: int) -> None:
        nonlocal done
        await asyncio.sleep(0)
        done += 1

    await abreast(4, items(), work)
    assert done == 20


async def test_the_first_error_is_raised_when_the_others_have_ended() -> None:
    ended: list[int] = []

    async def work(item: int) -> None:
        if item == 2:
            raise ValueError(item)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(item)

    with pytest.raises(ValueError, match="2"):
        await abreast(4, range(10), work)
    assert sorted(ended) == [0, 1, 3]
