"""Uploads that were never finished, found by age and removed. Any number of processes may do this at once: each skips
what another one has removed.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from moorage.drivers.base import Driver, DriverError, NotRemoved, Obstructed, PathNotFound
from moorage.errors import UploadUnknown
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.ages import Age
from moorage.store.ahead import ahead_of
from moorage.store.listing import names_in, repository_folders
from moorage.store.patience import Patience
from moorage.store.registry import Registry
from moorage.store.removal import discard

log = logging.getLogger(__name__)

_FIRST: Final = datetime.datetime.min.replace(tzinfo=datetime.UTC).timestamp()
_LAST: Final = datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC).timestamp()


@dataclass(frozen=True)
class Purged:
    repository: Name
    upload: str
    last_write: datetime.datetime
    size: int


@dataclass(frozen=True)
class Abandoned:
    """What an interrupted writer left in the store, where no path shows it. `object` names it for the operator."""

    object: str
    begun: datetime.datetime


def _moment(seconds: float) -> datetime.datetime:
    """The time of a file may lie further from the epoch than a date can."""
    return datetime.datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), datetime.UTC)


async def purge_abandoned(
    driver: Driver, *, age: Age, dry_run: bool = False, stayed: Callable[[int], None] = lambda _: None
) -> list[Abandoned]:
    """Remove what interrupted writers began longer than `age` ago in the folders of the registry. The store does not know when
    the last byte came, so `age` should be longer than any request lasts. Returns an empty list if the store does
    not list them: not every store that speaks S3 can, and not all credentials allow it. Those that cannot be removed are logged one by one,
    and `stayed` is called with their number."""
    found: list[tuple[str, float]] = []
    try:
        for folder in layout.FOLDERS:
            try:
                found += await driver.abandoned([folder], age.since, remove=not dry_run)
            except NotRemoved as error:
                found += error.removed
                stayed(error.stayed)
    except DriverError as error:
        log.warning("unfinished multipart uploads cannot be listed", extra={"reason": str(error)})
    return [Abandoned(name, _moment(begun)) for name, begun in found]


Failed = Callable[[str, DriverError], None]
"""Called with a folder in which the storage failed, once for each."""


def _warn(folder: str, error: DriverError) -> None:
    log.warning("a folder cannot be purged of uploads", extra={"path": folder, "reason": str(error)})


async def purge_uploads(
    registry: Registry, *, age: Age, dry_run: bool = False, failed: Failed = _warn
) -> AsyncIterator[Purged]:
    """Remove sessions that have not been written to for as long as `age`, and yield each one.

    A folder in which the storage fails is reported to `failed`, and the others are purged. Raises DriverError if it fails in
    many folders in a row, or in all of them.
    """
    driver = registry.stock.driver
    failures = _Failures(failed)
    async with contextlib.aclosing(_repositories(driver, failures)) as names:
        async for name in names:
            found, error = await _purge_repository(driver, name, age, dry_run)
            for one in found:
                yield one
            if found or error is None:
                failures.worked()
            if error is not None:
                failures.add(layout.uploads(name), error)
    failures.end()


class _Failures:
    def __init__(self, failed: Failed) -> None:
        self._failed = failed
        self._patience = Patience()
        self._first: DriverError | None = None
        self._worked = False

    def worked(self) -> None:
        """An upload was purged, or none had to be."""
        self._patience.worked()
        self._worked = True

    def add(self, folder: str, error: DriverError) -> None:
        """Raises the error if there were too many in a row."""
        self._failed(folder, error)
        self._first = self._first or error
        self._patience.failed(error)

    def end(self) -> None:
        """Raises the first error if nothing worked."""
        if self._first is not None and not self._worked:
            raise self._first


async def _repositories(driver: Driver, failures: _Failures) -> AsyncGenerator[Name, None]:
    """Repositories that have a folder of uploads, also below folders whose neighbours cannot be listed."""

    async def names(folder: str) -> list[str]:
        try:
            return await names_in(driver, folder)
        except DriverError as error:
            failures.add(folder, error)
            return []

    async with contextlib.aclosing(repository_folders(names, ahead=ahead_of(driver))) as folders:
        async for name, found in folders:
            if "_uploads" in found and Name.is_valid(name):
                yield Name(name)


async def _purge_repository(
    driver: Driver, name: Name, age: Age, dry_run: bool
) -> tuple[list[Purged], DriverError | None]:
    """What was removed, and the first failure. After many failures in a row the rest of the repository is left alone."""
    purged: list[Purged] = []
    first: DriverError | None = None
    patience = Patience()
    try:
        for upload in await names_in(driver, layout.uploads(name)):
            try:
                found = await _purge(driver, name, upload, age, dry_run)
            except DriverError as error:
                first = first or error
                patience.failed(error)
                continue
            patience.worked()
            if found is not None:
                purged.append(found)
    except DriverError as error:
        first = first or error
    return purged, first


async def _purge(driver: Driver, name: Name, upload: str, age: Age, dry_run: bool) -> Purged | None:
    """The session, removed; None if it is not old enough, or not a session. Raises DriverError."""
    try:
        found = await _session(driver, name, UploadId.parse(upload))
    except UploadUnknown:
        log.warning("not an upload, left alone", extra={"repository": name, "upload": upload})
        return None
    if found is None or age.spares(found.last_write.timestamp()):
        return None
    if not dry_run:
        await discard(driver, layout.upload(name, UploadId(upload)), durable=False)
    return found


async def _session(driver: Driver, name: Name, upload: UploadId) -> Purged | None:
    """The session; None if it ended meanwhile. Its age is that of its last byte: a slow upload is not a dead one."""
    latest, size = 0.0, 0
    started, data = layout.upload_started(name, upload), layout.upload_data(name, upload)
    for ask, path in ((driver.stat, started), (driver.written, data)):
        try:
            found = await ask(path)
        except (PathNotFound, Obstructed):
            continue
        latest = max(latest, found.modified)
        if path == data:
            size = found.size
    latest = latest or await _newest(driver, layout.upload(name, upload))
    if not latest:
        return None
    return Purged(name, upload, _moment(latest), size)


async def _newest(driver: Driver, path: str) -> float:
    """When the newest of what lies at the path was written; 0 if nothing does. In an object store a folder has no time."""
    try:
        return (await driver.stat(path)).modified
    except Obstructed:
        return 0.0
    except PathNotFound:
        times = [await _newest(driver, f"{path}/{one}") for one in await names_in(driver, path)]
        return max(times, default=0.0)
