"""What garbage collections have done, kept in the storage for those that watch the registry: the collection is a process of its own,
and gone when they ask."""

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
    """Of all collections that ran to their end: how many they were, and what they removed. `finished`: when the last one did, in
    seconds since 1970; `seconds`: how long it took."""

    runs: int = 0
    finished: float = 0.0
    seconds: float = 0.0
    manifests: int = 0
    blobs: int = 0
    freed_bytes: int = 0


async def note(driver: Driver, *, seconds: float, manifests: int, blobs: int, freed_bytes: int) -> None:
    """One more has ended. Does not raise, for what it did is done."""
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
    """All 0 if there was none yet, or the record is damaged. Raises DriverError."""
    try:
        content = await driver.read(layout.COLLECTED)
    except PathNotFound:
        return Collected()
    return parse(content)


def written(found: Collected) -> bytes:
    """As `parse` reads it."""
    return json.dumps(dataclasses.asdict(found)).encode()


def parse(content: bytes) -> Collected:
    """All 0 for what is no record."""
    try:
        found = json.loads(content)
        return Collected(**{field.name: found[field.name] for field in dataclasses.fields(Collected)})
    except (ValueError, KeyError, TypeError):
        return Collected()
