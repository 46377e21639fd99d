"""The page for Prometheus: the counts of all workers, and facts that are collected at each request."""

from __future__ import annotations

import asyncio

from moorage.debug.parts import Parts
from moorage.metrics import CONTENT_TYPE, Facts


class Counts:
    content_type = CONTENT_TYPE

    def __init__(self, parts: Parts) -> None:
        self._metrics = parts.metrics
        if self._metrics is None:
            return
        self._facts = Facts(
            parts.registry.stock.driver,
            parts.shared.metrics,
            certificate=parts.shared.certificate,
            notifications=parts.notifications,
        )

    async def page(self) -> bytes | None:
        """The page, or None if nothing is counted."""
        if self._metrics is None:
            return None
        return await asyncio.to_thread(self._metrics.page, await self._facts.families())
