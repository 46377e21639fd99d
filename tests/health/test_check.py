"""A check: told by a few probes in a row, and by nothing that a client does."""

from __future__ import annotations

import asyncio
import logging

import pytest

from moorage.health.check import Check, Failing


class Thing:
    """Fails, or never answers, as long as it is told to. Counts how often it was asked."""

    def __init__(self) -> None:
        self.wrong: Exception | None = None
        self.hanging = False
        self.asked = 0

    async def probe(self) -> None:
        self.asked += 1
        if self.hanging:
            await asyncio.Event().wait()
        if self.wrong is not None:
            raise self.wrong


async def test_it_takes_so_many_failures_in_a_row_and_one_success() -> None:
    thing = Thing()
    check = Check("thing", thing.probe, threshold=3)
    for wrong, expected in (
        (1, ""),
        (1, ""),
        (0, ""),
        (1, ""),
        (1, ""),
        (1, "is broken"),
        (1, "is broken"),
        (0, ""),
    ):
        thing.wrong = Failing("is broken") if wrong else None
        await check.ask()
        assert check.reason == expected
        assert check.well == (not expected)


async def test_a_threshold_of_nothing_is_one_failure() -> None:
    thing = Thing()
    thing.wrong = Failing("is broken")
    check = Check("thing", thing.probe, threshold=0)
    await check.ask()
    assert not check.well


async def test_what_never_answers_fails() -> None:
    thing = Thing()
    thing.hanging = True
    check = Check("thing", thing.probe, timeout_seconds=0.01)
    await check.ask()
    assert check.reason == "no answer in 0.01 seconds"


async def test_what_nobody_foresaw_is_a_failure_too() -> None:
    thing = Thing()
    check = Check("thing", thing.probe)
    for wrong, reason in ((RuntimeError("odd"), "odd"), (KeyError(), "KeyError")):
        thing.wrong = wrong
        await check.ask()
        assert check.reason == reason


async def test_the_log_says_once_that_it_begins_and_once_that_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    thing, changes = Thing(), []
    check = Check("thing", thing.probe, threshold=2)
    check.changed = lambda: changes.append(check.well)
    for wrong in (0, 1, 0, 1, 1, 1, 1, 0, 0):
        thing.wrong = Failing("is broken") if wrong else None
        await check.ask()
    said = [(record.levelname, record.getMessage(), record.check) for record in caplog.records]  # type: ignore[attr-defined]
    assert said == [("ERROR", "health check fails", "thing"), ("INFO", "health check is well again", "thing")]
    assert caplog.records[0].reason == "is broken"  # type: ignore[attr-defined]
    assert changes == [False, True]


async def test_it_is_asked_now_and_then_whatever_it_says() -> None:
    thing = Thing()
    check = Check("thing", thing.probe, interval_seconds=0.001, threshold=3)
    watching = asyncio.create_task(check.watch())
    async with asyncio.timeout(30):
        thing.wrong = RuntimeError("odd")
        while check.well:
            await asyncio.sleep(0.001)
        thing.wrong = None
        while not check.well:
            await asyncio.sleep(0.001)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
