"""The power fails: everything acknowledged is there when it is back, whatever else the disk has lost or kept.

Work is done once on a disk that records it; before each of its calls the states that a power cut could leave are made,
and each is opened as by a server that starts again. Most are looked at in memory; some are put into a real folder,
where pushing again must heal them and garbage collection must run.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.journal.device import Device
from moorage.drivers.journal.journal import JOURNAL, Journal, holds_entries
from moorage.drivers.journal.records import Entry, encode, last_of_each
from moorage.drivers.journal.segments import Segment
from moorage.store import layout
from tests.contracts.disk import Inline
from tests.contracts.powercut import Recording, State, restore, states
from tests.store.ledger import Ledger, World
from tests.store.scenarios import LONGER, SCENARIOS, Scenario
from tests.store.spread import JOURNAL_BYTES, JOURNALED, total

SEED = 20


@dataclass
class Cuts:
    """The states that power cuts during one scenario leave, each with what had been acknowledged by then."""

    limit: int
    chance: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    found: list[tuple[State, Ledger]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def record(self, disk: Recording) -> None:
        known = self.ledger.copy()
        promised = hash(frozenset(known.allowed.items()))
        for state in states(disk.tree, self.limit, self.chance):
            key = hash((state, promised))
            if key not in self.seen:
                self.seen.add(key)
                self.found.append((state, known))


async def recorded(scenario: Scenario, root: Path, limit: int, *, journaled: bool) -> Cuts:
    root.mkdir()
    cuts = Cuts(limit, random.Random(f"{SEED} {scenario}"))
    disk = Recording(root, lambda: None)
    driver = Inline(str(root), disk=disk, journaled=journaled, limit=JOURNAL_BYTES)
    world = World(driver, cuts.ledger)
    await scenario.before(world)
    disk.cut = lambda: cuts.record(disk)
    await scenario.work(world)
    cuts.record(disk)
    disk.cut = lambda: None
    await driver.close()
    return cuts


async def check_in_memory(state: State, ledger: Ledger) -> None:
    driver = InMemoryDriver()
    files = {path: content.data for path, content in state if content is not None}
    folder = f"/{JOURNAL}/"
    journal = [
        data
        for path, data in files.items()
        if path.startswith(folder) and holds_entries(path.removeprefix(folder))
    ]
    await driver.write(files.items(), [(entry.path, entry.data) for entry in last_of_each(journal)])
    await World(driver, ledger).verify()


async def check_on_disk(
    state: State, ledger: Ledger, root: Path, *, journaled: bool, delete_untagged: bool
) -> None:
    restore(state, root)
    driver = Inline(str(root), journaled=journaled)
    driver.prepare()
    world = World(driver, ledger)
    await world.verify()
    # A collection refuses a tree that has blobs and no such folder, and tells the operator to make it.
    (root / layout.REPOSITORIES.lstrip("/")).mkdir(parents=True, exist_ok=True)
    await world.collect(delete_untagged=delete_untagged)
    await world.verify()
    await world.heal(whole=delete_untagged)
    await driver.close()
    shutil.rmtree(root)


def cut(folder: Path, scenario: Scenario, limit: int, on_disk: int, journaled: bool) -> int:
    """How many states were found; every `on_disk`-th of them is put into a real folder."""
    with asyncio.Runner() as runner:
        cuts = runner.run(recorded(scenario, folder / "recorded", limit, journaled=journaled))
        for number, (state, ledger) in enumerate(cuts.found, 1):
            try:
                if number % on_disk:
                    runner.run(check_in_memory(state, ledger))
                else:
                    odd = number // on_disk % 2 == 1
                    place = folder / "cut"
                    runner.run(
                        check_on_disk(state, ledger.copy(), place, journaled=journaled, delete_untagged=odd)
                    )
            except BaseException as error:
                error.add_note(f"state {number} of {scenario}, seed {SEED}:\n{shown(state)}")
                raise
    return len(cuts.found)


def shown(state: State) -> str:
    return "\n".join(f"  {path} {content and content.data[:40]!r}" for path, content in state)


@JOURNALED
def test_a_power_cut_at_any_moment_loses_nothing(journaled: bool) -> None:
    count = total(cut, [(scenario, 8, 25, journaled) for scenario in SCENARIOS])
    assert count >= 10_000, f"{count} states are too few to prove anything: add scenarios"


@pytest.mark.soak
@JOURNALED
def test_a_power_cut_at_any_moment_loses_nothing_in_long(journaled: bool) -> None:
    count = total(
        cut,
        [(one, 32, 20, journaled) for one in LONGER] + [(one, 64, 10, journaled) for one in SCENARIOS],
    )
    assert count >= 100_000, f"{count} states are too few to prove anything: add scenarios"


class Careless(Recording):
    """Syncs files and never the folders they are in."""

    def sync_folder(self, path: str) -> None:
        return None


async def test_the_model_forgets_names_that_were_never_synced(tmp_path: Path) -> None:
    disk = Careless(tmp_path, lambda: None)
    await Inline(str(tmp_path), disk=disk).write([("/a/b", b"acknowledged")])
    found = set(states(disk.tree, 100, random.Random(SEED)))
    assert () in found
    assert (("/a", None),) in {
        tuple(entry for entry in state if "moorage" not in entry[0]) for state in found
    }


async def test_the_model_keeps_what_was_synced(tmp_path: Path) -> None:
    disk = Recording(tmp_path, lambda: None)
    await Inline(str(tmp_path), disk=disk).write([("/a/b", b"acknowledged")])
    found = list(states(disk.tree, 100, random.Random(SEED)))
    assert found
    for state in found:
        content = dict(state)["/a/b"]
        assert content is not None
        assert content.data == b"acknowledged"


def test_a_store_that_does_not_sync_folders_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.store.test_power_cut.Recording", Careless)
    with pytest.raises(AssertionError, match="missing"):
        cut(tmp_path, SCENARIOS[1], 8, 1_000_000, journaled=False)


NAMED = {scenario.name: scenario for scenario in SCENARIOS}


def test_a_journal_that_is_not_synced_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def append(self: Segment, entries: Sequence[Entry]) -> None:
        self._disk.write(self._fd, encode(entries, self._key))

    monkeypatch.setattr(Segment, "append", append)
    with pytest.raises(AssertionError, match="missing"):
        cut(tmp_path, SCENARIOS[1], 8, 1_000_000, journaled=True)


def test_a_removal_that_leaves_the_journal_as_it_is_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "settle", lambda self: None)
    with pytest.raises(AssertionError, match="not in"):
        cut(tmp_path, NAMED["delete-tag"], 8, 1_000_000, journaled=True)


def test_a_journal_that_is_dropped_before_the_disk_is_synced_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Device, "sync", lambda self: None)
    with pytest.raises(AssertionError, match="missing"):
        cut(tmp_path, NAMED["a-day"], 8, 1_000_000, journaled=True)
