"""Uploads take memory in the order in which they came, and what one has given back another gets."""

from __future__ import annotations

import asyncio

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.partmemory import UNCOUNTED_BYTES, PartMemory, Share

PART = 10
MUCH = UNCOUNTED_BYTES + 1


def shares(memory: PartMemory, number: int) -> list[Share]:
    return [memory.share(f"/{one}", PART) for one in range(number)]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_small_objects_take_none() -> None:
    memory = PartMemory(0)
    for share in shares(memory, 10):
        await share.cover(UNCOUNTED_BYTES)
    assert memory.taken == 0


async def test_few_objects_send_several_parts_at_once_and_many_one_each() -> None:
    memory = PartMemory(8 * PART)
    found = []
    for _ in range(6):
        share = memory.share("/a", PART)
        await share.cover(MUCH)
        found.append(share.in_flight)
    assert found == [2, 2, 1, 1, 1, 1]
    assert memory.taken == memory.total


async def test_whoever_finds_none_waits_for_a_turn() -> None:
    memory = PartMemory(PART)
    first, second, third = shares(memory, 3)
    await first.cover(MUCH)
    await first.cover(2 * MUCH)
    assert memory.taken == PART, "once for an object"
    waiting = [asyncio.create_task(share.cover(MUCH)) for share in (second, third)]
    await settle()
    assert [one.done() for one in waiting] == [False, False]
    first.release()
    first.release()
    await settle()
    assert [one.done() for one in waiting] == [True, False]
    second.release()
    await waiting[1]
    third.release()
    assert memory.taken == 0


async def test_an_object_alone_may_take_more_than_there_is() -> None:
    memory = PartMemory(PART - 1)
    first, second = shares(memory, 2)
    await first.cover(MUCH)
    waiting = asyncio.create_task(second.cover(MUCH))
    await settle()
    assert not waiting.done()
    first.release()
    await waiting


async def test_whoever_waits_for_too_long_is_told_what_to_do() -> None:
    memory = PartMemory(PART, wait_seconds=0.01)
    first, second, third = shares(memory, 3)
    await first.cover(MUCH)
    with pytest.raises(DriverError, match=r"^/1: other uploads keep all memory .*http\.limits\.memory"):
        await second.cover(MUCH)
    first.release()
    await third.cover(MUCH)
    assert memory.taken == PART


@pytest.mark.parametrize("loops", range(8))
async def test_a_request_that_ends_while_it_waits_keeps_nothing(loops: int) -> None:
    memory = PartMemory(PART)
    first, second, third = shares(memory, 3)
    await first.cover(MUCH)
    ended = asyncio.create_task(second.cover(MUCH))
    await settle()
    other = asyncio.create_task(third.cover(MUCH))
    await settle()
    first.release()
    for _ in range(loops):
        await asyncio.sleep(0)
    if ended.done():
        second.release()
    else:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
    await other
    third.release()
    assert memory.taken == 0
