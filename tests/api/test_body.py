"""Bodies of requests: whole, too long, too slow, broken off."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from moorage.api.body import Body, BodyTooLarge
from moorage.api.limits import Limits
from moorage.api.memory import Room
from moorage.errors import BodyEnded, RequestTimeout, Unavailable


def body_of(*messages: Message, seconds: float = 5.0) -> Body:
    waiting = iter(messages)

    async def receive() -> Message:
        for message in waiting:
            return message
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    return Body(receive, Limits(body_seconds=seconds))


def piece(data: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_body_is_what_was_sent() -> None:
    assert await body_of(piece(b"a"), piece(b""), piece(b"b"), piece(b"", False)).read(2) == b"ab"
    assert await body_of({"type": "http.request"}).read(0) == b""


async def test_a_body_over_its_limit_is_not_read_further() -> None:
    with pytest.raises(BodyTooLarge):
        await body_of(piece(b"aaa")).read(2)


async def test_a_body_for_which_there_is_no_room_is_taken_and_dropped() -> None:
    room = Room(100 << 10)
    body = body_of(piece(bytes(60 << 10)), piece(bytes(60 << 10)), piece(b"rest", False))
    with room.claim() as other, room.claim() as claim:
        other.grow(100 << 10)
        with pytest.raises(Unavailable):
            await body.read(1 << 20, claim.grow)
    assert body.finished, "who writes all before reading gets a broken connection instead of the answer"


async def test_a_body_that_breaks_off_is_told_apart_from_one_that_stalls() -> None:
    with pytest.raises(BodyEnded):
        await body_of(piece(b"a"), {"type": "http.disconnect"}).read(100)
    with pytest.raises(RequestTimeout, match=r"no byte of the body for 0.01s \(http.limits.bodytimeout\)"):
        await body_of(piece(b"a"), seconds=0.01).read(100)


async def test_a_body_that_comes_too_slowly_is_told_which_limit_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("moorage.api.body.RATE_SECONDS", 0.0)
    slow = r"less than 1024 bytes per second over a minute \(http.limits.minrate\)"
    with pytest.raises(RequestTimeout, match=slow):
        await body_of(*[piece(b"")] * 1000, seconds=5.0).read(100)


async def test_what_is_left_of_a_small_body_is_taken() -> None:
    body = body_of(piece(b"a"), piece(b"b"), piece(b"c", False))
    async for _ in body:
        break
    await body.drain()
    assert body.finished
