"""Totals of the garbage collections so far, kept in the storage for monitoring: a collection is a process of its own, which has
ended by the time it is asked about."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from dataclasses import dataclass

from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.store import layout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collected:
    """All collections that ran to their end: how many there were, and what they removed. `finished` is when the last one
    ended, in seconds since 1970; `seconds` is how long it took."""

    runs: int = 0
    finished: float = 0.0
    seconds: float = 0.0
    manifests: int = 0
    blobs: int = 0
    freed_bytes: int = 0


async def note(driver: Driver, *, seconds: float, manifests: int, blobs: int, freed_bytes: int) -> None:
    """Record a collection that has ended. A failure is only logged, since the collection itself succeeded."""
    try:
        before = await collected(driver)
        after = Collected(
            runs=before.runs + 1,
            finished=time.time(),
            seconds=seconds,
            manifests=before.manifests + manifests,
            blobs=before.blobs + blobs,
            freed_bytes=before.freed_bytes + freed_bytes,
        )
        await driver.write([(layout.COLLECTED, written(after))])
    except DriverError as error:
        log.warning("metrics will not tell of this garbage collection", extra={"reason": str(error)})


async def collected(driver: Driver) -> Collected:
    """The totals; all 0 if there was no collection yet or the record is damaged. Raises DriverError."""
    try:
        content = await driver.read(layout.COLLECTED)
    except PathNotFound:
        return Collected()
    return parse(content)


def written(found: Collected) -> bytes:
    """The record, in the form that `parse` reads."""
    return json.dumps(dataclasses.asdict(found)).encode()


def parse(content: bytes) -> Collected:
    """The totals in a record; all 0 if it is not a valid one."""
    try:
        found = json.loads(content)
        return Collected(**{field.name: found[field.name] for field in dataclasses.fields(Collected)})
    except (ValueError, KeyError, TypeError):
        return Collected()
