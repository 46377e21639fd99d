"""Work that comes round. Over files it is done by one process of a server, the leader, whichever takes the lock first; over
an object store, which has no such lock, by each: all of it may be done by several at once."""

from __future__ import annotations

import asyncio
import datetime
import fcntl
import logging
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from moorage.store.purge import purge_abandoned, purge_uploads
from moorage.store.registry import Registry

log = logging.getLogger(__name__)

ELECTION_SECONDS = 30.0
JITTER_SECONDS = 3600.0


class Leadership:
    """An exclusive lock on a file that all workers of a server know; it passes on when its holder dies."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    def take(self) -> bool:
        if self._fd >= 0:
            return True
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        return True


@dataclass(frozen=True)
class UploadPurging:
    registry: Registry
    age: datetime.timedelta
    interval: datetime.timedelta
    dry_run: bool

    async def __call__(self) -> None:
        """Purge now and then, for ever. The first time comes after up to an hour, so that servers which start
        together do not list the storage together."""
        await asyncio.sleep(random.uniform(0, JITTER_SECONDS))  # noqa: S311 - no secret
        while True:
            await self.purge()
            await asyncio.sleep(self.interval.total_seconds())

    async def purge(self) -> int:
        """How many went, or would go."""
        count = 0
        before = datetime.datetime.now(datetime.UTC) - self.age
        async for found in purge_uploads(self.registry, before=before, dry_run=self.dry_run):
            count += 1
            log.info(
                "upload would be purged" if self.dry_run else "upload purged",
                extra={"repository": found.repository, "upload": found.upload, "size": found.size},
            )
        leftovers = await self._purge_abandoned(before)
        log.info(
            "uploads purged",
            extra={"uploads": count, "multipart_uploads": leftovers, "dryrun": self.dry_run},
        )
        return count + leftovers

    async def _purge_abandoned(self, before: datetime.datetime) -> int:
        driver = self.registry.stock.driver
        found = await purge_abandoned(driver, before=before, dry_run=self.dry_run)
        for leftover in found:
            log.info(
                "multipart upload would be purged" if self.dry_run else "multipart upload purged",
                extra={"object": leftover.object, "begun": leftover.begun.isoformat()},
            )
        return len(found)


async def lead(leadership: Leadership, work: list[Callable[[], Awaitable[None]]]) -> None:
    """Wait to become the leader, then do all of the work side by side; what fails is logged and tried again."""
    while not leadership.take():  # noqa: ASYNC110 - the lock is another process's
        await asyncio.sleep(ELECTION_SECONDS)
    await asyncio.gather(*(_again(task) for task in work))


async def _again(task: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await task()
        except Exception:
            log.exception("periodic task failed")
        await asyncio.sleep(ELECTION_SECONDS)
