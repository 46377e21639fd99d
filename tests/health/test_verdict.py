"""What all checks say together, the switch, and who asks whether the storage answers now."""

from __future__ import annotations

import asyncio

from moorage.health import Health
from moorage.health.check import Check, Failing
from moorage.shared import Switch
from tests.health.test_check import Thing


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def check(thing: Thing, name: str = "thing") -> Check:
    return Check(name, thing.probe)


async def test_one_that_fails_is_enough_and_all_must_be_well_again() -> None:
    one, other, storage = Thing(), Thing(), Thing()
    checks = [check(one, "one"), check(other, "other")]
    health = Health(checks, check(storage), Switch())

    async def told(first: str, second: str) -> bool:
        for thing, wrong in ((one, first), (other, second)):
            thing.wrong = Failing(wrong) if wrong else None
        for each in checks:
            await each.ask()
        assert health.failing() == {key: text for key, text in (("one", first), ("other", second)) if text}
        return health.healthy()

    assert await told("", "")
    assert not await told("broken", "")
    assert not await told("broken", "gone")
    assert not await told("", "gone")
    assert await told("", "")
    assert storage.asked == 0


async def test_the_switch_is_turned_for_all_who_share_it() -> None:
    switch = Switch()
    here, there = (Health([], check(Thing()), switch) for _ in range(2))
    here.turn(down=True)
    for one in (here, there):
        assert not one.healthy()
        assert not await one.ready()
        assert one.failing() == {"manual_http_status": "taken out of service by hand"}
    there.turn(down=False)
    for one in (here, there):
        assert one.healthy()
        assert await one.ready()
        assert one.failing() == {}


async def test_however_many_want_to_know_the_storage_is_asked_once_in_a_second() -> None:
    storage, clock = Thing(), Clock()
    health = Health([], check(storage), Switch(), clock=clock)
    assert all(await asyncio.gather(*(health.ready() for _ in range(500))))
    assert storage.asked == 1
    storage.wrong = Failing("is gone")
    assert await health.ready(), "what was found a moment ago"
    clock.now += 1.0
    assert not any(await asyncio.gather(*(health.ready() for _ in range(500))))
    assert storage.asked == 2
    storage.wrong = None
    clock.now += 1.0
    assert await health.ready()


async def test_who_asks_and_leaves_does_not_leave_the_others_without_an_answer() -> None:
    storage = Thing()
    storage.hanging = True
    health = Health([], Check("thing", storage.probe, timeout_seconds=30), Switch())
    first, second = (asyncio.create_task(health.ready()) for _ in range(2))
    while not storage.asked:
        await asyncio.sleep(0)
    storage.hanging = False
    first.cancel()
    assert await second
    assert storage.asked == 2


async def test_whether_the_storage_answers_now_does_not_decide_whether_requests_are_served() -> None:
    """Else whoever asks often could make many failures in a row of what was a moment."""
    storage = Thing()
    storage.wrong = Failing("is gone")
    health = Health([], check(storage), Switch())
    assert not await health.ready()
    assert health.healthy()
    assert health.failing() == {}
