from __future__ import annotations

import asyncio
from collections.abc import Iterable

from moorage.auth.turns import Place, Turns


async def order(turns: Turns, places: Iterable[Place | None]) -> list[str]:
    """The clients whose turn it was, in that order, and `-` before those who had to make room."""
    seen = []

    async def come(place: Place) -> None:
        async with turns.taken(place) as turn:
            seen.append(place.client if turn else f"-{place.client}")
            await asyncio.sleep(0)

    await asyncio.gather(*(come(place) for place in places if place is not None))
    return seen


def entered(turns: Turns, clients: str, cost: float = 1) -> list[Place | None]:
    return [turns.enter(client, cost) for client in clients]


async def test_clients_take_turns_and_each_keeps_its_own_order() -> None:
    turns = Turns(10)
    assert await order(turns, entered(turns, "xaaaabbc")) == list("xabcabaa")


async def test_who_costs_more_comes_less_often() -> None:
    turns = Turns(20)
    places = [*entered(turns, "aaa", 3), *entered(turns, "bbbbbb", 1)]
    assert "".join(await order(turns, places)) == "abbabbbab"


async def test_a_newcomer_takes_the_last_place_of_who_has_most() -> None:
    turns = Turns(4)
    places = entered(turns, "aaaaab")
    assert places[4] is None
    assert sorted(await order(turns, places)) == ["-a", "a", "a", "a", "b"]


async def test_the_queue_is_full_when_nobody_has_more_than_the_newcomer() -> None:
    turns = Turns(3)
    places = entered(turns, "abcd")
    assert places[3] is None
    assert await order(turns, places) == ["a", "b", "c"]
    assert await order(turns, entered(turns, "d")) == ["d"]


async def test_who_is_cancelled_leaves_the_turn_to_the_others() -> None:
    turns = Turns(10)
    places = entered(turns, "abcd")
    begun = asyncio.Event()

    async def stay(place: Place | None) -> None:
        assert place is not None
        async with turns.taken(place):
            begun.set()
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(stay(place)) for place in places[:3]]
    await begun.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert await order(turns, places[3:]) == ["d"]
