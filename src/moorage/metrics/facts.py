"""Values that are looked up when Prometheus reads the page: queues, garbage collections, the certificate, losses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from moorage.drivers.base import Driver
from moorage.metrics.collections import Collections
from moorage.observe import losses

if TYPE_CHECKING:
    from prometheus_client import Metric

    from moorage.shared import Ending

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 3.0
"""How long the page waits for each part: longer than `collections` waits for the storage, and less than Prometheus waits for the page."""


class Queues(Protocol):
    """`moorage.notifications.Notifications`."""

    def facts(self) -> Sequence[Mapping[str, Any]]: ...


class Facts:
    """`folder`: the one of the counts. `certificate`: when the certificate that is served expires; None without TLS."""

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
        self._asked: dict[str, asyncio.Task[list[Metric]]] = {}

    async def families(self) -> list[Metric]:
        """Metric families for `Metrics.page`. What cannot be read at the moment is left out, and logged once."""
        parts = {
            "notifications": self._queues,
            "garbage collection": self._collections,
            "certificate": self._certificates,
            "losses": self._losses,
        }
        found = await asyncio.gather(*(self._told(name, part) for name, part in parts.items()))
        return [family for families in found for family in families]

    async def _told(self, name: str, part: Callable[[], Coroutine[None, None, list[Metric]]]) -> list[Metric]:
        try:
            found = await self._answer(name, part)
        except Exception as error:
            if name not in self._failing:
                log.warning("metrics are left out", extra={"of": name, "reason": str(error)})
            self._failing.add(name)
            return []
        self._failing.discard(name)
        return found

    async def _answer(
        self, name: str, part: Callable[[], Coroutine[None, None, list[Metric]]]
    ) -> list[Metric]:
        """The result of the part. A part that does not answer in time is not asked again until it does: a disk that hangs would
        take one thread after the other."""
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.create_task(part())
            asked.add_done_callback(partial(self._answered, name))
        if not (await asyncio.wait((asked,), timeout=ANSWER_SECONDS))[0]:
            raise TimeoutError(f"no answer in {ANSWER_SECONDS:g} seconds")
        return asked.result()

    def _answered(self, name: str, asked: asyncio.Task[list[Metric]]) -> None:
        del self._asked[name]
        if not asked.cancelled():
            # Otherwise asyncio reports an error that came too late.
            asked.exception()

    async def _queues(self) -> list[Metric]:
        from moorage.metrics.families import queues

        if self._notifications is None:
            return []
        return queues(await asyncio.to_thread(self._notifications.facts))

    async def _collections(self) -> list[Metric]:
        from moorage.metrics.families import collections

        return collections(await self._collected.look())

    async def _certificates(self) -> list[Metric]:
        from moorage.metrics.families import certificate

        if self._certificate is None:
            return []
        return certificate(self._certificate.moment())

    async def _losses(self) -> list[Metric]:
        from moorage.metrics.families import lost

        reports = {reason: counted.count() for reason, counted in losses.reports.items()}
        return lost(losses.lines.count(), losses.mails.count(), reports)
