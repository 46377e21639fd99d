"""What is not counted but asked, when somebody wants to know: queues, garbage collections, certificates, losses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from moorage.drivers.base import Driver
from moorage.metrics.collections import Collections
from moorage.observe import losses

if TYPE_CHECKING:
    from prometheus_client import Metric

log = logging.getLogger(__name__)


class Queues(Protocol):
    """`moorage.notifications.Notifications`."""

    def facts(self) -> Sequence[Mapping[str, Any]]: ...


class Ending(Protocol):
    """`moorage.shared.Ending`."""

    def moment(self) -> float: ...


class Facts:
    """`folder` is that of the counts. `certificate`: when the one that is served ends, None without TLS."""

    def __init__(
        self,
        driver: Driver,
        folder: str,
        *,
        certificate: Ending | None = None,
        notifications: Queues | None = None,
    ) -> None:
        self._collected = Collections(driver, folder)
        self._certificate = certificate
        self._notifications = notifications
        self._failing: set[str] = set()

    async def families(self) -> list[Metric]:
        """For `Metrics.page`. What cannot be told just now is left out, and logged once."""
        parts = {
            "notifications": self._queues,
            "garbage collection": self._collections,
            "certificate": self._certificates,
            "losses": self._losses,
        }
        return [family for name, part in parts.items() for family in await self._told(name, part)]

    async def _told(self, name: str, part: Callable[[], Awaitable[list[Metric]]]) -> list[Metric]:
        try:
            found = await part()
        except Exception as error:
            if name not in self._failing:
                log.warning("metrics are left out", extra={"of": name, "reason": str(error)})
            self._failing.add(name)
            return []
        self._failing.discard(name)
        return found

    async def _queues(self) -> list[Metric]:
        from moorage.metrics.told import queues

        if self._notifications is None:
            return []
        return queues(await asyncio.to_thread(self._notifications.facts))

    async def _collections(self) -> list[Metric]:
        from moorage.metrics.told import collections

        return collections(await self._collected.look())

    async def _certificates(self) -> list[Metric]:
        from moorage.metrics.told import certificate

        if self._certificate is None:
            return []
        return certificate(self._certificate.moment())

    async def _losses(self) -> list[Metric]:
        from moorage.metrics.told import lost

        reports = {reason: counted.count() for reason, counted in losses.reports.items()}
        return lost(losses.lines.count(), losses.mails.count(), reports)
