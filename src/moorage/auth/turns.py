"""Whose turn it is at something that only one may do at a time: a fair queue. Does no input or output.

The order is that of start-time fair queueing (Goyal, Vin and Cheng, 1996), with clients instead of flows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Place:
    """A place in the queue of `client`. `called`: True when it is its turn, False when it had to make room."""

    client: str
    rank: float
    called: asyncio.Future[bool] = field(repr=False)


class Turns:
    """At most `places` wait or have their turn. The lowest rank is next, and of the same rank who came first.

    A place ranks by its cost behind the one that has its turn, and behind the others of its client. So clients take turns, those
    of low cost more often, and each comes to its turn. If all places are taken, a newcomer takes that of the highest rank, if its
    own is lower. Use it in one event loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._reached = 0.0
        self._now: Place | None = None
        self._waiting: list[Place] = []

    def enter(self, client: str, cost: float) -> Place | None:
        """A place, for `taken`; None if all are taken."""
        own = (place.rank for place in self._waiting if place.client == client)
        rank = max(own, default=self._reached) + cost
        if self._now is not None and 1 + len(self._waiting) >= self._places and not self._make_room(rank):
            return None
        place = Place(client, rank, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        if self._now is None:
            self._call()
        return place

    @contextlib.asynccontextmanager
    async def taken(self, place: Place) -> AsyncIterator[bool]:
        """Wait for the turn, which ends with the block. Yields False if the place had to make room: there is no turn then."""
        try:
            yield await place.called
        finally:
            if place in self._waiting:
                self._waiting.remove(place)
            if place is self._now:
                self._call()

    def _make_room(self, rank: float) -> bool:
        last = max(reversed(self._waiting), key=_rank, default=None)
        if last is None or last.rank <= rank:
            return False
        self._waiting.remove(last)
        _tell(last, turn=False)
        return True

    def _call(self) -> None:
        self._now = min(self._waiting, key=_rank, default=None)
        if self._now is not None:
            self._waiting.remove(self._now)
            self._reached = self._now.rank
            _tell(self._now, turn=True)


def _rank(place: Place) -> float:
    return place.rank


def _tell(place: Place, *, turn: bool) -> None:
    # Who was cancelled a moment ago leaves by itself.
    if not place.called.done():
        place.called.set_result(turn)
