from __future__ import annotations

import asyncio
import os
import random
import threading
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from moorage.auth.base import AccessRefused, Challenge, Credentials, Offer
from moorage.auth.groups import no_groups
from moorage.auth.htpasswd import NICE
from moorage.auth.remembered import SECONDS, Remembered
from moorage.auth.throttle import Throttle
from tests.auth.hashing import Clock, Counted, header, line, quick, quick_line
from tests.auth.signins import HERE, THERE, WANTED, Registry, registry, until_begun

LOOK = 1.1
"""Seconds after which a changed file has been noticed for sure."""


async def test_who_has_a_line_may_do_everything(tmp_path: Path) -> None:
    async with registry(tmp_path, Counted()) as one:
        grant = await one.authorize("alice", "a")
        assert (grant.user, grant.groups) == ("alice", frozenset())
        assert grant.unlimited
        again = await one.controller.authorize(Credentials(header("alice", "a"), HERE), [])
        assert again.user == "alice"
    assert no_groups("alice") == frozenset()


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer abc",
        "Basic",
        "Basic %",
        "Basic Og==",
        "Basic " + "a" * 20_000,
        header("alice", "b"),
        header("carol", "a"),
    ],
)
async def test_whoever_else_is_asked_for_basic_credentials(tmp_path: Path, authorization: str) -> None:
    async with registry(tmp_path, Counted()) as one:
        with pytest.raises(Challenge) as caught:
            await one.controller.authorize(Credentials(authorization, HERE), WANTED)
        assert type(caught.value) is Challenge
        assert caught.value.offers == (Offer("Basic", "Example"),)
        assert caught.value.wanted == tuple(WANTED)


async def test_twenty_requests_with_the_same_credentials_are_one_check_at_cost_12(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing, content=line("alice", "a", 12)) as one:
        for _ in range(20):
            assert await one.answers("alice", "a") == "granted"
        assert hashing.costs == [12]


async def test_twenty_requests_at_the_same_time_are_one_check(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        answers = await asyncio.gather(*(one.answers("alice", "a") for _ in range(20)))
        assert answers == ["granted"] * 20
        assert hashing.costs == [4]
        wrong = await asyncio.gather(*(one.answers("alice", "x") for _ in range(20)))
        assert wrong == ["Challenge"] * 20
        assert hashing.costs == [4, 4]


async def test_wrong_passwords_are_checked_every_time(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        for _ in range(3):
            assert await one.answers("alice", "x") == "Challenge"
            assert await one.answers("carol", "x") == "Challenge"
        assert len(hashing.costs) == 6


async def test_workers_share_what_one_of_them_has_checked(tmp_path: Path) -> None:
    remembered, first, second = Remembered(), Counted(), Counted()
    async with (
        registry(tmp_path, first, remembered=remembered) as one,
        registry(tmp_path, second, remembered=remembered) as other,
    ):
        assert await one.answers("alice", "a") == "granted"
        assert await other.answers("alice", "a") == "granted"
        assert (len(first.costs), len(second.costs)) == (1, 0)


async def test_what_is_remembered_ends_and_is_checked_again(tmp_path: Path) -> None:
    clock, hashing = Clock(), Counted()
    async with registry(tmp_path, hashing, remembered=Remembered(now=clock)) as one:
        assert await one.answers("alice", "a") == "granted"
        clock.seconds += SECONDS
        assert await one.answers("alice", "a") == "granted"
        assert len(hashing.costs) == 2


async def test_who_leaves_takes_the_check_of_the_others_not_along(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        hashing.gate.clear()
        first, second = one.begun("alice", "a"), one.begun("alice", "a", THERE)
        await until_begun(hashing, 1)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        hashing.gate.set()
        assert await second == "granted"
        assert hashing.costs == [4]


async def test_a_check_that_everybody_left_is_finished_and_remembered(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        hashing.gate.clear()
        left = [one.begun("alice", "a"), one.begun("bob", "b")]
        await until_begun(hashing, 1)
        for task in left:
            task.cancel()
        await asyncio.wait(left)
        hashing.gate.set()
        assert await one.answers("bob", "b") == "granted"
        assert await one.answers("alice", "a") == "granted"
        assert hashing.costs == [4, 4]


async def test_checks_run_one_at_a_time_in_threads_that_give_way(tmp_path: Path) -> None:
    seen: list[tuple[bool, int]] = []
    running = threading.Lock()

    def hashing(password: bytes, salt: bytes) -> bytes:
        assert running.acquire(blocking=False)
        thread = threading.get_native_id()
        seen.append((thread != own, os.getpriority(os.PRIO_PROCESS, thread)))
        found = quick(password, salt)
        running.release()
        return found

    own = threading.get_native_id()
    async with registry(tmp_path, hashing, content=quick_line("alice", "a")) as one:
        await asyncio.gather(*(one.answers("alice", f"wrong{number}") for number in range(3)))
        assert seen == [(True, max(NICE, os.getpriority(os.PRIO_PROCESS, own)))] * 3


async def test_where_no_thread_can_be_started_clients_are_asked_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with registry(tmp_path, quick, content=quick_line("alice", "a")) as one:
        with monkeypatch.context() as crowded:
            crowded.setattr(threading.Thread, "start", start)
            assert await one.answers("alice", "a") == "Throttled"
        assert await one.answers("alice", "a") == "granted"


async def test_known_and_unknown_names_are_the_same_work(tmp_path: Path) -> None:
    hashing = Counted()
    content = line("alice", "a", 4) + line("bob", "b", 8)
    async with registry(tmp_path, hashing, content=content) as one:
        for user in ("alice", "bob", "carol"):
            hashing.costs.clear()
            assert await one.answers(user, "wrong") == "Challenge"
            assert hashing.rounds == 1 << 8


def written(file: Path, content: str) -> None:
    file.write_text(content)


def renamed_over(file: Path, content: str) -> None:
    new = file.with_name("new")
    new.write_text(content)
    new.rename(file)


def linked_anew(file: Path, content: str) -> None:
    """As a mounted secret changes."""
    folder = file.with_name(f"data{len(content)}")
    folder.mkdir()
    (folder / "htpasswd").write_text(content)
    link = file.with_name("link")
    link.symlink_to(folder / "htpasswd")
    link.rename(file)


@pytest.mark.parametrize("change", [written, renamed_over, linked_anew], ids=lambda change: change.__name__)
async def test_a_changed_file_counts_at_once_for_the_new_and_the_remembered(
    tmp_path: Path, change: object
) -> None:
    assert callable(change)
    if change is linked_anew:
        linked_anew(tmp_path / "htpasswd", line("alice", "a") + line("bob", "b") + "# for now\n")
    async with registry(tmp_path, Counted()) as one:
        for user, password in [("alice", "a"), ("bob", "b")]:
            assert await one.answers(user, password) == "granted"
        change(one.file, line("alice", "changed") + line("carol", "c"))
        await asyncio.sleep(LOOK)
        assert await one.answers("bob", "b") == "Challenge", "removed"
        assert await one.answers("alice", "a") == "Challenge", "changed"
        assert await one.answers("alice", "changed") == "granted"
        assert await one.answers("carol", "c") == "granted"


async def test_a_file_that_broke_leaves_in_force_what_it_said(tmp_path: Path) -> None:
    async with AsyncExitStack() as opened:
        broken: list[Registry] = []
        for name in ("missing", "empty", "useless"):
            (folder := tmp_path / name).mkdir()
            broken.append(await opened.enter_async_context(registry(folder, Counted())))
            assert await broken[-1].answers("alice", "a") == "granted"
        broken[0].file.unlink()
        broken[1].file.write_text("")
        broken[2].file.write_text("alice:{SHA}x\n")
        await asyncio.sleep(LOOK)
        for one in broken:
            assert await one.answers("alice", "a") == "granted"
            assert await one.answers("bob", "b") == "granted"
            assert await one.answers("bob", "x") == "Challenge"


async def test_a_password_that_changes_while_it_is_checked_does_not_count(tmp_path: Path) -> None:
    hashing = Counted()
    async with registry(tmp_path, hashing) as one:
        hashing.gate.clear()
        running, queued = one.begun("alice", "a"), one.begun("bob", "b")
        await until_begun(hashing, 1)
        one.file.write_text(line("alice", "changed") + line("carol", "c"))
        await asyncio.sleep(LOOK)
        hashing.gate.set()
        assert await running == "Challenge"
        assert await queued == "Challenge"
        assert await one.answers("alice", "a") == "Challenge"


async def test_a_check_that_breaks_gives_no_access_and_the_next_one_works(tmp_path: Path) -> None:
    calls = []

    def hashing(password: bytes, salt: bytes) -> bytes:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("broken")
        return quick(password, salt)

    async with registry(tmp_path, hashing, content=quick_line("alice", "a")) as one:
        with pytest.raises(RuntimeError, match="broken"):
            await one.authorize("alice", "a")
        assert await one.answers("alice", "a") == "granted"
        assert len(calls) == 2


async def test_closing_waits_for_nobody(tmp_path: Path) -> None:
    hashing = Counted()
    one = Registry(tmp_path, hashing)
    hashing.gate.clear()
    tasks = [one.begun("alice", "a"), one.begun("bob", "b")]
    await until_begun(hashing, 1)
    await one.controller.close()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    hashing.gate.set()


@pytest.mark.parametrize("inputs", [5_000, pytest.param(100_000, marks=pytest.mark.soak)])
async def test_random_headers_are_refused_in_the_promised_ways(tmp_path: Path, inputs: int) -> None:
    chance = random.Random(13)
    password = "correct horse"
    right = header("alice", password)
    throttle = Throttle(failures=inputs, refusals=inputs)
    answers = {"granted": 0, "Challenge": 0}
    async with registry(tmp_path, quick, content=quick_line("alice", password), throttle=throttle) as one:
        for _ in range(inputs):
            text = broken(right, chance)
            try:
                await one.controller.authorize(Credentials(text, HERE), WANTED)
            except AccessRefused as refusal:
                answers[type(refusal).__name__] += 1
                assert text != right
            else:
                answers["granted"] += 1
                scheme, _, rest = text.partition(" ")
                assert f"{scheme.capitalize()} {rest.strip(' ')}" == right
    assert answers["Challenge"] > inputs * 0.9


def broken(right: str, chance: random.Random) -> str:
    changed = list(right)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[place] = chance.choice([changed[place].swapcase(), chr(chance.randrange(0x300))])
            case 1:
                changed.insert(place, chance.choice([" ", "=", "A", "\0"]))
            case 2:
                changed[place], changed[-1] = changed[-1], changed[place]
            case _:
                raw = bytearray(b"alice:correct horse")
                raw[chance.randrange(len(raw))] = chance.randrange(256)
                changed = list(header(*raw.decode("latin-1").partition(":")[::2]))
    return "".join(changed)
