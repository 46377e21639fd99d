"""The order of a check, and the second look."""

from __future__ import annotations

import contextlib
import datetime
from dataclasses import dataclass

from moorage.drivers.base import Driver, DriverError, Obstructed
from moorage.names import Name
from moorage.store import layout
from moorage.store.ages import Age
from moorage.store.announcing import NOTICE_SECONDS, AnotherCollection, announced
from moorage.store.checking.blobs import BlobCheck
from moorage.store.checking.report import CheckReport
from moorage.store.checking.repository import RepositoryCheck
from moorage.store.checking.state import State
from moorage.store.checking.suspects import Suspect
from moorage.store.findings import Finding, Unwatched, Watch, unreadable
from moorage.store.purge import purge_abandoned, purge_uploads
from moorage.store.registry import Registry


class RepairRefused(Exception):
    """A collection, another repair or a copy is running. What was found by then has been reported, and nothing was repaired."""


@dataclass(frozen=True)
class Rules:
    """How to check. What was written in the last `settled_seconds` may be a part of something that is not complete yet, and
    is left out. `stray` is how long an upload may stay without a new byte, and `notice_seconds` the time that servers on
    an object store have to notice that something will be removed."""

    repair: bool = False
    quick: bool = False
    settled_seconds: float = 3600.0
    stray: datetime.timedelta = datetime.timedelta(days=7)
    notice_seconds: float = NOTICE_SECONDS


async def check_registry(registry: Registry, rules: Rules, watch: Watch | None = None) -> CheckReport:
    """Check a registry, and repair it if the rules say so. Raises DriverError when the storage fails, and RepairRefused."""
    report = CheckReport(watch or Unwatched())
    driver = registry.stock.driver
    state = State(driver, report, Age(rules.settled_seconds))
    if await state.tree.empty():
        return report
    # In the order in which they were found, each once.
    suspects: dict[Suspect, None] = {}
    await BlobCheck(state, suspects.setdefault).run(quick=rules.quick)
    found: list[tuple[Name, list[str]]] = [one async for one in state.tree.repositories()]
    report.watch.begin("looking at repositories", len(found), 0)
    for name, folders in found:
        check = RepositoryCheck(state, name, registry.stock.policy, suspects.setdefault)
        await check.run(folders, quick=rules.quick)
        report.watch.advance(1, 0)
    await _look_again(state, list(suspects), rules)
    # Last, so that a failure here does not hide what was found.
    await _left_behind(registry, report, rules.stray)
    return report


async def _left_behind(registry: Registry, report: CheckReport, stray: datetime.timedelta) -> None:
    age = Age(stray.total_seconds())

    def unlisted(folder: str, error: DriverError) -> None:
        report.tell(unreadable("unreadable-folder", folder, error))

    async for one in purge_uploads(registry, age=age, dry_run=True, failed=unlisted):
        path = f"{layout.uploads(one.repository)}/{one.upload}"
        detail = (
            f"{one.size} bytes, the last of them came {one.last_write.isoformat()}: purge-uploads removes it"
        )
        report.tell(Finding("stray-upload", path, one.repository, detail=detail))
    for leftover in await purge_abandoned(registry.stock.driver, age=age, dry_run=True):
        detail = f"begun {leftover.begun.isoformat()}: purge-uploads removes it"
        report.tell(Finding("unfinished-multipart-upload", leftover.object, detail=detail))


async def _look_again(state: State, suspects: list[Suspect], rules: Rules) -> None:
    """Report what is still damaged, and repair it if the rules say so."""
    report = state.report
    if not suspects:
        return
    report.watch.begin("looking again", len(suspects), 0)
    async with contextlib.AsyncExitStack() as stack:
        if rules.repair:
            await _alone(state.driver, stack, rules.notice_seconds)
        for suspect in suspects:
            report.watch.advance(1, 0)
            try:
                await _settle(state, suspect, rules)
            except Obstructed as error:
                # What leads to it may be whole: nothing is known of it, and nothing removed.
                report.obstructed(error)


async def _settle(state: State, suspect: Suspect, rules: Rules) -> None:
    finding = await suspect.confirm(state)
    if finding is None:
        return
    if await state.is_young(suspect.place):
        state.report.young += 1
        return
    if rules.repair:
        finding.repaired = await suspect.repair(state)
    state.report.tell(finding)


async def _alone(driver: Driver, stack: contextlib.AsyncExitStack, notice_seconds: float) -> None:
    """Announce the repair like a collection: servers have to drop their cached links before a blob or a link is removed."""
    try:
        await stack.enter_async_context(announced(driver, notice_seconds=notice_seconds))
    except AnotherCollection as error:
        raise RepairRefused(str(error)) from None
