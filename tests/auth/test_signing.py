from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from moorage.auth.signing import (
    GRACE_SECONDS,
    LOOK_SECONDS,
    ROTATION_SECONDS,
    SETTLED_SECONDS,
    UNKNOWN_SECONDS,
)
from moorage.auth.signingkey import SigningKey
from moorage.auth.verification import Verifier
from moorage.drivers.base import Driver, PathNotFound
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store.layout import TOKEN_KEYS
from tests.auth.deployment import DAY, NOW, opened, part
from tests.auth.hashing import Clock
from tests.auth.keystore import LIFE, Unsteady, accepts, kid, later, names, secret, signed

pytestmark = pytest.mark.usefixtures("patient")


@pytest.fixture(params=["inmemory", "filesystem"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    return InMemoryDriver() if request.param == "inmemory" else FilesystemDriver(str(tmp_path))


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


async def test_the_first_start_makes_a_key_and_uses_it_at_once(driver: Driver, clock: Clock) -> None:
    keys = await opened(driver, clock)
    token = signed(keys, clock)
    (name,) = await names(driver)
    assert name == f"1800000000-{kid(token)}"
    assert part(token, 0) == {"alg": "EdDSA", "kid": kid(token), "typ": "JWT"}
    assert await accepts(keys, token, clock)


async def test_a_restart_finds_the_key(driver: Driver, clock: Clock) -> None:
    token = signed(await opened(driver, clock), clock)
    again = await opened(driver, clock)
    assert await accepts(again, token, clock)
    assert kid(signed(again, clock)) == kid(token)
    assert len(await names(driver)) == 1


async def test_those_who_start_together_accept_each_other_and_sign_with_the_same_key(
    driver: Driver, clock: Clock
) -> None:
    several = await asyncio.gather(*(opened(driver, clock) for _ in range(4)))
    tokens = [signed(keys, clock) for keys in several]
    for keys in several:
        assert [await accepts(keys, token, clock) for token in tokens] == [True] * 4
    assert len({kid(signed(keys, clock)) for keys in several}) == 1


def test_another_process_accepts_what_this_one_signed_and_the_other_way_round(tmp_path: Path) -> None:
    program = """
import asyncio, sys, time
from moorage.auth.signing import SigningKeys
from moorage.auth.verification import Verifier
from moorage.drivers.filesystem import FilesystemDriver

async def main():
    keys = await SigningKeys.open(FilesystemDriver(sys.argv[1]), token_seconds=300)
    claims = await Verifier("i", "s", ["EdDSA"], keys).verify(sys.argv[2])
    print(keys.sign({"iss": "i", "sub": claims.subject + " again", "aud": "s", "exp": time.time() + 60}))

asyncio.run(main())
"""

    async def both() -> str:
        clock = Clock(time.time())
        keys = await opened(FilesystemDriver(str(tmp_path)), clock)
        command = [sys.executable, "-c", program, str(tmp_path), signed(keys, clock)]
        theirs = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
        return (await Verifier("i", "s", ["EdDSA"], keys, clock=clock).verify(theirs)).subject

    assert asyncio.run(both()) == "alice again"


async def test_a_new_key_is_used_when_the_others_know_it(driver: Driver, clock: Clock) -> None:
    one, other = await opened(driver, clock), await opened(driver, clock)
    first = kid(signed(one, clock))
    await later(one, clock, ROTATION_SECONDS)
    assert len(await names(driver)) == 2
    assert kid(signed(one, clock)) == first
    await later(one, clock, SETTLED_SECONDS)
    await later(other, clock, 0)
    second = kid(signed(one, clock))
    assert second != first
    assert kid(signed(other, clock)) == second
    assert len(await names(driver)) == 2


async def test_a_key_that_is_not_known_yet_is_looked_for(driver: Driver, clock: Clock) -> None:
    one, other = await opened(driver, clock), await opened(driver, clock)
    await later(one, clock, ROTATION_SECONDS)
    clock.seconds += SETTLED_SECONDS
    token = signed(one, clock)
    assert await accepts(other, token, clock)


async def test_of_those_who_start_together_the_last_one_knows_all_keys(clock: Clock) -> None:
    everybody = asyncio.Barrier(3)

    class Together(Unsteady):
        async def children(self, path: str) -> list[str]:
            found = self._files.copy()
            if not found:
                await everybody.wait()
                raise PathNotFound(path)
            return await super().children(path)

    driver = Together()
    started = await asyncio.gather(*(opened(driver, clock) for _ in range(3)))
    assert len(await names(driver)) == 3
    last = max(started, key=lambda keys: len(keys._keys))
    tokens = [signed(keys, clock) for keys in started]
    before = driver.asked["children"]
    assert all([await accepts(last, token, clock) for token in tokens])
    assert driver.asked["children"] == before
    assert all([await accepts(keys, token, clock) for token in tokens for keys in started])


async def test_keys_are_looked_at_every_minute_while_they_are_used(clock: Clock) -> None:
    driver = Unsteady()
    keys = await opened(driver, clock)
    before, same = driver.asked["children"], await keys.current()
    for seconds, looks in ((LOOK_SECONDS - 1, 0), (1, 1), (1, 1), (LOOK_SECONDS, 2), (-2 * DAY, 3)):
        clock.seconds += seconds
        for _ in range(3):
            assert await keys.current() is same
            signed(keys, clock)
            await asyncio.sleep(0.01)
        assert driver.asked["children"] - before == looks
    assert driver.asked["read"] == 0


async def test_keys_that_nobody_has_are_looked_for_once_a_second(clock: Clock) -> None:
    driver = Unsteady()
    keys = await opened(driver, clock)
    stranger = signed(await opened(InMemoryDriver(), clock), clock)
    before = driver.asked["children"]
    for looks in (1, 2):
        answers = await asyncio.gather(*(accepts(keys, stranger, clock) for _ in range(50)))
        assert not any(answers)
        assert driver.asked["children"] - before == looks
        clock.seconds += UNKNOWN_SECONDS


async def test_a_key_is_kept_while_something_that_it_signed_is_valid_and_then_removed(
    driver: Driver, clock: Clock
) -> None:
    keys = await opened(driver, clock)
    first = kid(signed(keys, clock))
    await later(keys, clock, ROTATION_SECONDS)
    clock.seconds += SETTLED_SECONDS - 1
    last = signed(keys, clock)
    assert kid(last) == first
    await later(keys, clock, LIFE)
    assert await accepts(keys, last, clock)
    await later(keys, clock, GRACE_SECONDS - 1)
    assert any(first in name for name in await names(driver))
    await later(keys, clock, 2)
    assert not await accepts(keys, last, clock)
    assert not any(first in name for name in await names(driver))
    assert await accepts(await opened(driver, clock), signed(keys, clock), clock)


async def test_over_a_year_there_are_never_more_than_a_few_keys(clock: Clock) -> None:
    driver = InMemoryDriver()
    replicas = [await opened(driver, clock) for _ in range(2)]
    tokens: list[tuple[float, str]] = []
    most = 0
    for day in range(365):
        clock.seconds += DAY
        for keys in replicas:
            await later(keys, clock, 0)
        tokens.append((clock(), signed(replicas[day % 2], clock)))
        most = max(most, len(await names(driver)))
        tokens = [(made, token) for made, token in tokens if made + LIFE >= clock()]
        assert await accepts(replicas[day % 2], tokens[0][1], clock)
        assert await accepts(replicas[day % 2], tokens[-1][1], clock)
    assert most == 3


async def test_keys_that_an_operator_removes_are_not_accepted_any_more(driver: Driver, clock: Clock) -> None:
    keys = await opened(driver, clock)
    token = signed(keys, clock)
    await driver.delete(TOKEN_KEYS)
    await later(keys, clock, LOOK_SECONDS)
    assert not await accepts(keys, token, clock)
    assert await accepts(await opened(driver, clock), signed(keys, clock), clock)


async def test_a_key_from_a_clock_that_is_ahead_is_accepted_but_not_used_before_its_time(
    driver: Driver, clock: Clock
) -> None:
    here = await opened(driver, clock)
    first = kid(signed(here, clock))
    ahead = Clock(NOW + ROTATION_SECONDS + DAY)
    there = await opened(driver, ahead)
    ahead.seconds += SETTLED_SECONDS
    token = signed(there, ahead)
    assert kid(token) != first
    assert (await here.newer()).candidates("EdDSA", kid(token))
    assert kid(signed(here, clock)) == first


async def test_secrets_are_in_no_representation(
    driver: Driver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = await opened(driver, clock)
    (name,) = await names(driver)
    content = await driver.read(f"{TOKEN_KEYS}/{name}")
    key = SigningKey.parse(name, content)
    shown = (
        f"{key!r} {key} {keys!r} {[one.__dict__ for one in caplog.records]} {key.trusted!r} {vars(keys)!r}"
    )
    assert secret(content) not in shown
    assert name.partition("-")[2] in shown


async def test_whoever_goes_away_while_keys_are_looked_for_does_not_stop_the_others(clock: Clock) -> None:
    gate = asyncio.Event()

    class Slow(InMemoryDriver):
        async def children(self, path: str) -> list[str]:
            await gate.wait()
            return await super().children(path)

    driver = Slow()
    gate.set()
    keys = await opened(driver, clock)
    gate.clear()
    clock.seconds += UNKNOWN_SECONDS
    gone, waiting = (asyncio.create_task(keys.newer()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert not waiting.done()
    gate.set()
    assert await waiting is await keys.current()
    gate.clear()
    clock.seconds += LOOK_SECONDS
    await keys.current()
    await keys.close()
