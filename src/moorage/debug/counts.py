"""The page that Prometheus reads: what all workers counted, and what is asked at each reading."""

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
        """None where nobody counts."""
        if self._metrics is None:
            return None
        return await asyncio.to_thread(self._metrics.page, await self._facts.families())
