"""Traces for OpenTelemetry, configured by its own variables (OTEL_*). Without any of them nothing of it is loaded."""

from __future__ import annotations

from moorage.api.observing import Observer
from moorage.drivers.base import Driver


class Tracing:
    """What one worker traces."""

    observer: Observer

    def traced(self, driver: Driver) -> Driver:
        """The driver, with a span around each of its operations."""
        raise NotImplementedError

    async def close(self) -> None:
        """What was traced is sent first."""


def build() -> Tracing | None:
    """None where no variable asks for it."""
    return None
