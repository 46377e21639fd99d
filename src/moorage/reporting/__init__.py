"""Services that collect errors: Bugsnag, New Relic, Sentry."""

from __future__ import annotations

from typing import Protocol

from moorage.api.exchange import Exchange
from moorage.config import Configuration


class Reporter(Protocol):
    def report(self, error: Exception, exchange: Exchange) -> None:
        """Tell of an error that nobody foresaw, and of the request in which it happened. Neither waits nor raises."""
        ...

    async def close(self) -> None:
        """What was reported is sent first, if that takes no longer than a moment."""
        ...


def build(configuration: Configuration) -> Reporter | None:
    """None where no service is configured."""
    return None
