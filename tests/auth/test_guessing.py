from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import bcrypt
import pytest

from moorage.auth.base import AccessRefused, Throttled
from moorage.auth.throttle import Throttle
from tests.auth.hashing import Clock, Counted, line, quick, quick_line
from tests.auth.signins import HERE, THERE, registry, until_begun, until_through


async def test_who_leaves_has_still_guessed(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        for number in range(10):
            hashing.gate.clear()
            task = one.begun("alice", f"wrong{number}")
            await until_begun(hashing, number + 1)
            task.cancel()
            await asyncio.wait([task])
            hashing.gate.set()
            await until_through(hashing, number + 1)
        assert await one.answers("bob", "b", THERE) == "granted"
        assert await one.answers("alice", "a") == "Throttled"


async def test_beyond_what_may_wait_requests_come_again_later(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        assert await one.answers("bob", "b") == "granted"
        hashing.gate.clear()
        waiting = [one.begun("alice", f"x{number}", f"198.51.100.{number}") for number in range(32)]
        await until_begun(hashing, 2)
        with pytest.raises(Throttled) as caught:
            await one.authorize("alice", "a")
        assert 1 <= caught.value.seconds <= 5
        assert await one.answers("bob", "b", THERE) == "granted", "what is remembered waits for nobody"
        assert len(hashing.costs) == 2, "more than one check at a time"
        joined = one.begun("alice", "x31", THERE)
        hashing.gate.set()
        assert await asyncio.gather(*waiting, joined) == ["Challenge"] * 33
        assert len(hashing.costs) == 33
        assert await one.answers("alice", "a") == "granted"


async def test_guesses_from_a_few_addresses_keep_nobody_else_from_signing_in(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        hashing.gate.clear()
        guessers = [f"198.51.100.{number % 4}" for number in range(40)]
        guesses = [one.begun("alice", f"x{number}", guesser) for number, guesser in enumerate(guessers)]
        await until_begun(hashing, 1)
        first = one.begun("alice", "a")
        await asyncio.sleep(0)
        hashing.gate.set()
        done = await asyncio.gather(first, *guesses)
        assert done[0] == "granted"
        assert done[1:].count("Challenge") == 31
        assert done[1:].count("Throttled") == 9


async def test_the_same_few_cannot_hold_all_places_though_each_of_them_comes_from_its_own_address(
    tmp_path: Path,
) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        guessers = [f"198.51.100.{number}" for number in range(40)]
        for guesser in guessers:
            await one.answers("alice", "wrong", guesser)
        hashing.gate.clear()
        guesses = [one.begun("alice", f"x{guesser}", guesser) for guesser in guessers]
        await until_begun(hashing, 41)
        first = one.begun("alice", "a")
        await asyncio.sleep(0)
        hashing.gate.set()
        assert (await asyncio.gather(first, *guesses))[0] == "granted"


async def test_after_ten_wrong_passwords_an_address_waits_but_not_who_is_remembered(tmp_path: Path) -> None:
    clock, hashing = Clock(), Counted()
    async with registry(tmp_path, hashing, throttle=Throttle(now=clock)) as one:
        assert await one.answers("bob", "b") == "granted"
        for number in range(10):
            assert await one.answers("alice", f"wrong{number}") == "Challenge"
        clock.seconds += 10
        with pytest.raises(Throttled) as caught:
            await one.authorize("alice", "a")
        assert caught.value.seconds == 50
        assert len(hashing.costs) == 11
        assert await one.answers("bob", "b") == "granted"
        assert await one.answers("alice", "x", THERE) == "Challenge"
        assert await one.answers("alice", "a") == "Throttled"
        clock.seconds += 50
        assert await one.answers("alice", "a") == "granted"


async def test_somebody_right_is_forgiven_what_they_mistyped(tmp_path: Path) -> None:
    async with registry(tmp_path, Counted()) as one:
        answers = [await one.answers("alice", f"x{number}") for number in range(9)]
        answers.append(await one.answers("alice", "a"))
        answers += [await one.answers("bob", f"x{number}") for number in range(9)]
        assert answers == ["Challenge"] * 9 + ["granted"] + ["Challenge"] * 9


async def test_one_who_is_right_is_not_forgiven_the_guesses_at_others(tmp_path: Path) -> None:
    """Of many behind one address, somebody is right every other second."""
    people = [f"user{number}" for number in range(12)]
    content = "".join(quick_line(user, user) for user in ("alice", *people))
    async with registry(tmp_path, quick, content=content) as one:
        guesses, others = [], []
        for user in people:
            guesses.append(await one.answers("alice", f"wrong for {user}"))
            others.append(await one.answers(user, user))
        assert guesses == ["Challenge"] * 10 + ["Throttled"] * 2
        assert others == ["granted"] * 9 + ["Throttled"] * 3
        assert await one.answers(people[0], people[0]) == "granted", "known to be right"


async def test_names_that_nobody_has_are_counted_and_never_forgiven(tmp_path: Path) -> None:
    async with registry(tmp_path, Counted()) as one:
        answers = [await one.answers(f"nobody{number}", "x") for number in range(9)]
        answers.append(await one.answers("alice", "a"))
        answers += [await one.answers("nobody", "x"), await one.answers("nobody", "x")]
        assert answers == ["Challenge"] * 9 + ["granted", "Challenge", "Throttled"]


async def test_a_long_password_with_something_after_it_is_not_another_one(tmp_path: Path) -> None:
    """Bcrypt looks at 72 bytes. Each of them would be checked anew, be right, and let somebody guess on."""
    own = "é" * 36
    hashing = Counted()
    async with registry(tmp_path, hashing, content=line("alice", "a") + line("bob", own)) as one:
        assert [await one.answers("bob", f"{own}{number}") for number in range(5)] == ["granted"] * 5
        assert await one.answers("bob", own) == "granted"
        assert len(hashing.costs) == 1
        guesses = []
        for number in range(12):
            guesses.append(await one.answers("alice", f"wrong{number}"))
            assert await one.answers("bob", f"{own}{number}") == "granted"
        assert guesses == ["Challenge"] * 10 + ["Throttled"] * 2
        assert len(hashing.costs) == 11


async def test_half_a_character_at_the_72nd_byte_counts(tmp_path: Path) -> None:
    own = "a" * 71
    hashed = bcrypt.hashpw(f"{own}é".encode()[:72], bcrypt.gensalt(4)).decode()
    async with registry(tmp_path, Counted(), content=f"bob:{hashed}\n") as one:
        assert await one.answers("bob", f"{own}é") == "granted"
        assert await one.answers("bob", f"{own}ñ") == "granted", "it begins with the same byte"
        assert await one.answers("bob", own) == "Challenge"
        assert await one.answers("bob", f"{own}\u20ac") == "Challenge"


async def test_who_has_an_account_cannot_clear_the_count_with_it_again_and_again(tmp_path: Path) -> None:
    async with registry(tmp_path, Counted()) as one:
        await one.authorize("bob", "b")
        answers = []
        for number in range(12):
            await one.authorize("bob", "b")
            answers.append(await one.answers("alice", f"wrong{number}"))
        assert answers == ["Challenge"] * 10 + ["Throttled"] * 2


async def test_guesses_at_the_same_time_are_counted_one_by_one(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        guesses = (one.answers("alice", f"wrong{number}") for number in range(30))
        answers = await asyncio.gather(*guesses)
        assert answers == ["Challenge"] * 10 + ["Throttled"] * 20
        assert len(hashing.costs) == 10


async def test_a_guess_that_waits_for_anothers_check_counts_too(tmp_path: Path) -> None:
    async with registry(tmp_path, Counted()) as one:
        for number in range(10):
            both = (one.answers("alice", f"wrong{number}", address) for address in (HERE, THERE))
            assert await asyncio.gather(*both) == ["Challenge"] * 2
        assert await one.answers("alice", "a", HERE) == "Throttled"
        assert await one.answers("alice", "a", THERE) == "Throttled"


async def test_what_is_remembered_cannot_be_guessed_at_without_end(tmp_path: Path) -> None:
    clock = Clock()
    async with registry(tmp_path, Counted(), throttle=Throttle(refusals=50, now=clock)) as one:
        await one.authorize("alice", "a", THERE)
        answers = [await one.answers("alice", f"wrong{number}") for number in range(60)]
        assert answers == ["Challenge"] * 10 + ["Throttled"] * 50
        assert await one.answers("alice", "a") == "Throttled", "the right guess is told from the wrong ones"
        assert await one.answers("alice", "a", THERE) == "granted"
        clock.seconds += 60
        assert await one.answers("alice", "a") == "granted"


async def test_guesses_while_too_many_wait_have_an_end_too(tmp_path: Path) -> None:
    hashing = Counted()
    throttle = Throttle(refusals=50, now=Clock())
    async with registry(tmp_path, hashing, throttle=throttle, waiting=1) as one:
        await one.authorize("alice", "a", THERE)
        hashing.gate.clear()
        busy = one.begun("bob", "x", THERE)
        await until_begun(hashing, 2)
        answers = [await one.answers("alice", f"wrong{number}") for number in range(50)]
        assert answers == ["Throttled"] * 50
        assert await one.answers("alice", "a") == "Throttled"
        assert await one.answers("alice", "a", THERE) == "granted"
        hashing.gate.set()
        assert await busy == "Challenge"


async def test_the_log_names_who_guesses_once_and_never_a_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with registry(tmp_path, Counted(), throttle=Throttle(refusals=20, now=Clock())) as one:
        refusals = []
        for number in range(50):
            try:
                await one.authorize("alice", f"canary{number}")
            except AccessRefused as refusal:
                refusals.append(f"{refusal} {refusal!r} {vars(refusal)}")
        for number in range(50):
            await one.answers(f"canary{number}", "x", THERE)
    events = [record for record in caplog.records if record.name == "moorage.auth.htpasswd"]
    assert [(vars(event)["address"], vars(event).get("user")) for event in events] == [
        (HERE, "alice"),
        (HERE, None),
        (THERE, "unknown"),
        (THERE, None),
    ]
    assert len(refusals) == 50
    assert "canary" not in str([vars(record) for record in caplog.records])
    assert "canary" not in str(refusals)
