"""The process dies at a storage call: nothing acknowledged is lost, pushing again heals, garbage can be collected.

Each case runs one piece of work on a real folder and ends it at its k-th call, for every k, or for every third where the
work is long (a write is done by half).
A new driver then opens the folder, as a server that was started again.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from pathlib import Path

import pytest

from tests.contracts.disk import Died, Dying, Inline
from tests.store.ledger import Ledger, World
from tests.store.scenarios import LONGER, SCENARIOS, Scenario
from tests.store.spread import JOURNAL_BYTES, JOURNALED, total

LONG = ("a-day", "many-tags")
"""Where each call is much like one that another scenario dies at."""


async def prepared(scenario: Scenario, root: Path) -> Ledger:
    """The folder that the work starts from, and what was acknowledged in making it."""
    ledger = Ledger()
    await scenario.before(World(Inline(str(root)), ledger))
    return ledger


async def interrupted(
    scenario: Scenario, root: Path, ledger: Ledger, disk: Dying, *, journaled: bool
) -> bool:
    """Do the work until the disk dies; false when it was through before."""
    driver = Inline(str(root), disk=disk, journaled=journaled, limit=JOURNAL_BYTES)
    try:
        await scenario.work(World(driver, ledger))
    except Died:
        return True
    finally:
        disk.bury()
    return False


async def check(root: Path, ledger: Ledger, at: int, *, journaled: bool) -> None:
    """What a server that starts after the death finds, and what becomes of it."""
    driver = Inline(str(root), journaled=journaled)
    driver.prepare()
    world = World(driver, ledger)
    await world.collect(delete_untagged=at % 2 == 0)
    await world.verify()
    await world.heal(whole=at % 4 < 2)
    await driver.close()


def kill(folder: Path, scenario: Scenario, step: int, changes: bool, journaled: bool) -> int:
    """Die at every `step`-th call (of all, or of those that change something). How many deaths there were; raises
    AssertionError telling at which call something was lost."""
    with asyncio.Runner() as runner:
        start = runner.run(prepared(scenario, folder / "start"))
        for deaths, at in enumerate(itertools.count(1, step)):
            root, ledger = folder / "root", start.copy()
            if (folder / "start").exists():
                shutil.copytree(folder / "start", root, copy_function=os.link)
            disk = Dying(at, changes=changes)
            if not runner.run(interrupted(scenario, root, ledger, disk, journaled=journaled)):
                return deaths
            try:
                runner.run(check(root, ledger, at, journaled=journaled))
            except BaseException as error:
                error.add_note(f"died at call {at} of {scenario}")
                raise
            shutil.rmtree(root)
    raise AssertionError("unreachable")


@JOURNALED
def test_a_death_at_any_change_loses_nothing(journaled: bool) -> None:
    # With a journal they change more.
    long = (*LONG, "two-workers") if journaled else LONG
    steps = [3 if scenario.name in long else 1 for scenario in SCENARIOS]
    deaths = total(
        kill, [(scenario, step, True, journaled) for scenario, step in zip(SCENARIOS, steps, strict=True)]
    )
    assert deaths >= 2_000, f"{deaths} deaths are too few to prove anything: add scenarios"


@pytest.mark.soak
@JOURNALED
def test_a_death_at_any_call_loses_nothing(journaled: bool) -> None:
    deaths = total(kill, [(scenario, 1, False, journaled) for scenario in (*LONGER, *SCENARIOS)])
    assert deaths >= 10_000, f"{deaths} deaths are too few to prove anything: add scenarios"
