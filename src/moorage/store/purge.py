"""Uploads that were never finished: found by age and removed. Any number of processes may do it at once: what another one
has removed is passed over.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.errors import UploadUnknown
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.listing import names_in
from moorage.store.registry import Registry
from moorage.store.removal import discard

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Purged:
    repository: Name
    upload: str
    started: datetime.datetime
    size: int


@dataclass(frozen=True)
class Abandoned:
    """What a writer that was interrupted left in the store, where no path shows it; `object` names it for the operator."""

    object: str
    begun: datetime.datetime


async def purge_abandoned(
    driver: Driver, *, before: datetime.datetime, dry_run: bool = False
) -> list[Abandoned]:
    """Remove what was begun before that time in the folders of the registry. Nothing tells when its last byte came, so
    `before` should lie further back than any request lasts. None where the store will not tell: not every one that
    speaks S3 knows that question, and not everybody may ask it."""
    try:
        found = await driver.abandoned(layout.FOLDERS, before.timestamp(), remove=not dry_run)
    except DriverError as error:
        log.warning("unfinished multipart uploads cannot be listed", extra={"reason": str(error)})
        return []
    return [Abandoned(name, datetime.datetime.fromtimestamp(begun, datetime.UTC)) for name, begun in found]


async def purge_uploads(
    registry: Registry, *, before: datetime.datetime, dry_run: bool = False
) -> AsyncIterator[Purged]:
    """Remove sessions that have not been written to since `before`, and yield them as they go."""
    driver = registry.stock.driver
    async for name in registry.names(having=("_uploads",)):
        for upload in await names_in(driver, layout.uploads(name)):
            try:
                found = await _session(driver, name, UploadId.parse(upload))
            except UploadUnknown:
                log.warning("not an upload, left alone", extra={"repository": name, "upload": upload})
                continue
            if found is None or found.started >= before:
                continue
            if not dry_run:
                await discard(driver, layout.upload(name, UploadId(upload)), durable=False)
            yield found


async def _session(driver: Driver, name: Name, upload: UploadId) -> Purged | None:
    """None for a session that ended meanwhile. Its age is that of its last byte: a slow upload is no dead one."""
    latest, size = 0.0, 0
    started, data = layout.upload_started(name, upload), layout.upload_data(name, upload)
    for ask, path in ((driver.stat, started), (driver.written, data)):
        try:
            found = await ask(path)
        except PathNotFound:
            continue
        latest, size = max(latest, found.modified), found.size
    if not latest:
        try:
            latest = (await driver.stat(layout.upload(name, upload))).modified
        except PathNotFound:
            return None
    return Purged(name, upload, datetime.datetime.fromtimestamp(latest, datetime.UTC), size)
