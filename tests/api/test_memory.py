"""Memory for what is on its way is bounded, and comes back."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.api.memory import Held, Memory, Room
from moorage.errors import Unavailable

KIB = 1 << 10
BODIES = st.integers(0, 10 << 20) | st.just(sys.maxsize)


def test_an_answer_that_is_alone_may_take_any_memory() -> None:
    held = Held(100)
    with held.hold(bytes(4000)), pytest.raises(Unavailable), held.hold(bytes(1)):
        pass
    assert not held.scarce
    with held.hold(bytes(60)):
        assert held.scarce


@given(bodies=st.lists(BODIES, max_size=40), total=st.integers(0, 1 << 26))
def test_buffers_stay_within_their_bounds_and_come_back(bodies: list[int], total: int) -> None:
    memory = Memory(total, buffers=4, least=32 << 10, most=256 << 10)
    empty = memory.reserve(0)
    memory.release(empty, 0)
    sizes = [memory.reserve(body) for body in bodies]
    assert all(32 << 10 <= size <= 256 << 10 for size in sizes)
    for size, body in zip(sizes, bodies, strict=True):
        memory.release(size, body)
    assert memory.reserve(0) == empty, "what was given back is not there again"


def test_room_is_taken_by_what_is_large_as_it_grows_and_given_back() -> None:
    room = Room(1000 * KIB)
    with room.claim() as first, room.claim() as second:
        first.grow(600 * KIB)
        second.grow(300 * KIB)
        second.grow(400 * KIB)
        with room.claim() as third:
            third.grow(64 * KIB)
            with pytest.raises(Unavailable) as refused:
                third.grow(64 * KIB + 1)
            assert refused.value.headers["Retry-After"]
    with room.claim() as later, room.claim() as last:
        later.grow(600 * KIB)
        last.grow(400 * KIB)


def test_who_is_refused_room_holds_none() -> None:
    room = Room(1000 * KIB)
    with room.claim() as first, room.claim() as second:
        first.grow(500 * KIB)
        second.grow(400 * KIB)
        with pytest.raises(Unavailable):
            second.grow(600 * KIB)
        first.grow(1000 * KIB)


def test_who_is_alone_gets_room_for_anything() -> None:
    room = Room(100 * KIB)
    with room.claim() as first:
        first.grow(4000 * KIB)
        with room.claim() as second, pytest.raises(Unavailable):
            second.grow(65 * KIB)
