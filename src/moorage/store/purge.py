"""Uploads that were never finished: found by age and removed."""

from __future__ import annotations

import datetime
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from moorage.drivers.base import Driver, PathNotFound
from moorage.errors import UploadUnknown
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.registry import Registry
from moorage.store.removal import discard

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Purged:
    repository: Name
    upload: str
    started: datetime.datetime
    size: int


async def purge_uploads(
    registry: Registry, *, before: datetime.datetime, dry_run: bool = False
) -> AsyncIterator[Purged]:
    """Remove sessions that have not been written to since `before`, and yield them as they go."""
    driver = registry.stock.driver
    async for name in registry.names(having=("_uploads",)):
        for upload in await driver.children(layout.uploads(name)):
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
