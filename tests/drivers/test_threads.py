"""Worker threads bring back what a call gives, and no call disturbs another."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.threads import BEHIND, Threads
from tests.contracts.disk import Died

PATIENCE = 30.0


def started_since(before: set[threading.Thread]) -> list[threading.Thread]:
    """Those of the drivers: what else there is in this process may start others."""
    found = [thread for thread in threading.enumerate() if thread.name.startswith("storage-")]
    return [thread for thread in found if thread not in before]


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(3)
    yield made
    made.close()


async def test_the_result_comes_back(threads: Threads) -> None:
    def name(first: str, *, last: str) -> tuple[str, threading.Thread]:
        return first + last, threading.current_thread()

    result, thread = await threads.call(name, "a", last="b")
    assert result == "ab"
    assert thread is not threading.current_thread()


@pytest.mark.parametrize("error", [OSError(28, "full"), ValueError("no"), Died()], ids=repr)
async def test_the_error_comes_back(threads: Threads, error: BaseException) -> None:
    def fail() -> None:
        raise error

    for _ in range(5):
        with pytest.raises(type(error)) as raised:
            await threads.call(fail)
        assert raised.value is error
    assert await threads.call(len, "abc") == 3


async def test_each_call_gets_its_own_result(threads: Threads) -> None:
    assert await asyncio.gather(*(threads.call(divmod, number, 7) for number in range(500))) == [
        divmod(number, 7) for number in range(500)
    ]


async def test_giving_up_a_call_does_not_disturb_others() -> None:
    threads = Threads(1)
    entered, go = threading.Event(), threading.Event()
    done: list[str] = []
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    def wait() -> None:
        entered.set()
        go.wait(PATIENCE)
        done.append("running")

    running = threads.call(wait)
    waiting = threads.call(done.append, "waiting")
    last = threads.call(len, "abc")
    assert await asyncio.to_thread(entered.wait, PATIENCE)
    running.cancel()
    waiting.cancel()
    go.set()
    assert await last == 3
    assert running.cancelled()
    assert waiting.cancelled()
    assert done == ["running", "waiting"], "what somebody gave up has to be done all the same"
    assert complaints == []
    threads.close()


async def test_at_most_as_many_as_allowed_work_at_once(threads: Threads) -> None:
    """And as many as allowed: a barrier of three opens for three only."""
    barrier, lock = threading.Barrier(3), threading.Lock()
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        with lock:
            inside.append(number)
            most = max(most, len(inside))
        barrier.wait(PATIENCE)
        with lock:
            inside.remove(number)

    await asyncio.gather(*(threads.call(work, number) for number in range(12)))
    assert most == 3


async def test_threads_are_started_when_they_are_needed() -> None:
    before = set(threading.enumerate())
    threads = Threads(3)
    assert started_since(before) == []
    for _ in range(10):
        await threads.call(len, "")
    assert len(started_since(before)) == 1
    threads.close()


async def test_closing_lets_them_finish_and_end() -> None:
    before = set(threading.enumerate())
    threads = Threads(2)
    calls = [threads.call(divmod, number, 3) for number in range(20)]
    working = started_since(before)
    threads.close()
    assert await asyncio.gather(*calls) == [divmod(number, 3) for number in range(20)]
    assert len(working) == 2
    for thread in working:
        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()


def test_a_loop_that_is_gone_stops_no_thread(threads: Threads) -> None:
    go = threading.Event()

    async def leave() -> None:
        for _ in range(3):
            threads.call(go.wait, PATIENCE)

    async def come() -> int:
        return await threads.call(len, "abc")

    asyncio.run(leave())
    go.set()
    assert asyncio.run(come()) == 3


async def test_a_system_without_room_for_threads_is_an_error_and_all_is_well_once_there_is_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No limit of processes holds for root, so that the refusal is the one thing here that is not real."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    threads = Threads(3)
    try:
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse)
            for _ in range(5):
                with pytest.raises(DriverError, match="no thread can be started"):
                    await threads.call(len, "abc")
        async with asyncio.timeout(PATIENCE):
            assert await threads.call(len, "abc") == 3
    finally:
        threads.close()


async def test_threads_that_are_there_take_the_calls_of_those_that_cannot_be_started(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await threads.call(len, "abc") == 3

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*(threads.call(len, "x" * size) for size in range(9))) == list(
                range(9)
            )
    before = set(threading.enumerate())
    await asyncio.gather(*(threads.call(time.sleep, 0.1) for _ in range(9)))
    assert len(started_since(before)) == 2


def own_priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


async def test_its_threads_come_after_those_that_answer_requests() -> None:
    threads = Threads(1)
    assert await threads.call(own_priority) == min(19, own_priority() + BEHIND)
    threads.close()


async def test_a_system_that_forbids_it_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    threads = Threads(1)
    assert await threads.call(own_priority) == own_priority()
    threads.close()
