"""A storage call fails: nothing acknowledged is lost, nothing is left behind, and the process goes on.

Each case runs one piece of work and lets its k-th call fail, once or from then on, with an error that disks give. What
the work was doing may fail with an error that the API has a word for; what comes after it must work again.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
from pathlib import Path

import pytest

from moorage.drivers.staging import TEMPORARY
from tests.contracts.disk import Failing, Inline
from tests.store.ledger import Ledger, World
from tests.store.scenarios import SCENARIOS, Scenario
from tests.store.spread import JOURNAL_BYTES, JOURNALED, total

LONG = ("a-day", "many-tags", "two-workers", "neighbours", "collect-untagged", "index-and-referrer")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EACCES, errno.EROFS, errno.ESTALE)


async def prepared(scenario: Scenario, root: Path) -> Ledger:
    ledger = Ledger()
    await scenario.before(World(Inline(str(root)), ledger))
    return ledger


async def faulty(scenario: Scenario, root: Path, ledger: Ledger, disk: Failing, *, journaled: bool) -> None:
    """The work with a fault in it, then the same process without one, then a new process."""
    driver = Inline(str(root), disk=disk, journaled=journaled, limit=JOURNAL_BYTES)
    world = World(driver, ledger, lenient=True)
    disk.armed = True
    await scenario.work(world)
    disk.armed = False
    if "unlink" not in disk.failed:
        assert temporaries(root) == [], "a temporary file is left after an error"
    await world.verify()
    other = Inline(str(root), journaled=journaled)
    fresh = World(other, ledger)
    await fresh.collect()
    await fresh.verify()
    world.lenient = False
    await world.heal(whole=True)
    await fresh.verify()
    await driver.close()
    await other.close()


def temporaries(root: Path) -> list[str]:
    folder = root / TEMPORARY
    return os.listdir(folder) if folder.is_dir() else []


def fail(folder: Path, scenario: Scenario, step: int, offset: int, journaled: bool) -> int:
    """How many faults were injected, at every `step`-th call, the errors in turn."""
    count = 0
    with asyncio.Runner() as runner:
        start = runner.run(prepared(scenario, folder / "start"))
        for at in itertools.count(1 + offset % step, step):
            root = folder / "root"
            if (folder / "start").exists():
                shutil.copytree(folder / "start", root, copy_function=os.link)
            disk = Failing(at, ERRORS[(count + offset) % len(ERRORS)], lasts=(count + offset) % 3 == 0)
            try:
                runner.run(faulty(scenario, root, start.copy(), disk, journaled=journaled))
            except BaseException as error:
                error.add_note(f"{os.strerror(disk.error)} at call {at} of {scenario}: {disk.failed}")
                raise
            shutil.rmtree(root)
            if not disk.failed:
                return count
            count += 1
    raise AssertionError("unreachable")


@JOURNALED
def test_a_failing_call_loses_nothing(journaled: bool) -> None:
    # Without a journal there are more calls.
    step = 5 if journaled else 6
    cases = [
        (scenario, 3 * step if scenario.name in LONG else step, number, journaled)
        for number, scenario in enumerate(SCENARIOS)
    ]
    count = total(fail, cases)
    assert count >= 1_000, f"{count} faults are too few to prove anything: add scenarios"


@pytest.mark.soak
@JOURNALED
def test_a_failing_call_loses_nothing_in_long(journaled: bool) -> None:
    count = total(fail, [(scenario, 2, offset, journaled) for offset in range(2) for scenario in SCENARIOS])
    assert count >= 5_000, f"{count} faults are too few to prove anything: add scenarios"
