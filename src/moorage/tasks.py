"""Periodic work. Over files one process does it, the leader among all servers on the storage; over an object store, which has no
lock for an election, each of them does: all of it may be done by several at once."""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass

from moorage.leadership import Leadership
from moorage.store.ages import Age
from moorage.store.purge import purge_abandoned, purge_uploads
from moorage.store.registry import Registry

log = logging.getLogger(__name__)

Work = Callable[[], Coroutine[None, None, None]]
"""Background work, which runs as long as the process."""

RETRY_SECONDS = 30.0
JITTER_SECONDS = 3600.0


@dataclass(frozen=True)
class UploadPurging:
    registry: Registry
    age: datetime.timedelta
    interval: datetime.timedelta
    dry_run: bool

    async def __call__(self) -> None:
        """Purge every `interval`. The first time comes after up to an hour, so that servers which start together do not list
        the storage together."""
        await asyncio.sleep(random.uniform(0, JITTER_SECONDS))  # noqa: S311 - no secret
        while True:
            await self.purge()
            await asyncio.sleep(self.interval.total_seconds())

    async def purge(self) -> int:
        """How many went, or would go."""
        count = 0
        age = Age(self.age.total_seconds())
        async for found in purge_uploads(self.registry, age=age, dry_run=self.dry_run):
            count += 1
            log.info(
                "upload would be purged" if self.dry_run else "upload purged",
                extra={"repository": found.repository, "upload": found.upload, "size": found.size},
            )
        leftovers = await self._purge_abandoned(age)
        log.info(
            "uploads purged",
            extra={"uploads": count, "multipart_uploads": leftovers, "dryrun": self.dry_run},
        )
        return count + leftovers

    async def _purge_abandoned(self, age: Age) -> int:
        driver = self.registry.stock.driver
        found = await purge_abandoned(driver, age=age, dry_run=self.dry_run)
        for leftover in found:
            log.info(
                "multipart upload would be purged" if self.dry_run else "multipart upload purged",
                extra={"object": leftover.object, "begun": leftover.begun.isoformat()},
            )
        return len(found)


async def led(leadership: Leadership, task: Callable[[], Awaitable[None]]) -> None:
    """Wait to become the leader, then do the task."""
    await leadership.won(RETRY_SECONDS)
    await task()


async def forever(task: Work) -> None:
    """Do the task, and again some time after it has failed or ended. A failure is logged."""
    while True:
        try:
            await task()
        except Exception:
            log.exception("periodic task failed")
        await asyncio.sleep(RETRY_SECONDS)
