"""Passes errors in requests to the configured services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from moorage.api.exchange import Exchange
from moorage.observe.losses import reports
from moorage.observe.redaction import Redaction, secrets
from moorage.reporting.courier import Courier
from moorage.reporting.rate import A_MINUTE, Rate
from moorage.reporting.report import Report, Request
from moorage.reporting.tally import Tally

LAST_SECONDS: Final = 2.0
"""How long to wait for unsent reports when the registry stops."""


class Service(Protocol):
    @property
    def courier(self) -> Courier[Any]: ...

    def take(self, report: Report) -> None:
        """Turn the report into a message and give it to the courier. This happens at once, as an exception keeps everything in its
        frames alive."""
        ...


class Dispatch:
    """A `Reporter` over several services."""

    def __init__(self, services: Sequence[Service], rate: Rate | None = None) -> None:
        self._services = services
        self._rate = rate or Rate()
        most: dict[str, object] = {"most": f"{A_MINUTE} a minute"}
        self._left_out = Tally("errors are not reported", most, reports["too_many"], seconds=60.0)
        self._failed = Tally("errors cannot be reported", {}, reports["failed"])

    def report(self, error: Exception, exchange: Exchange) -> None:
        left_out = self._rate.take(time.monotonic())
        if left_out is None:
            self._left_out.add("there are too many")
            return
        try:
            report = Report(
                error, Request.of(exchange), Redaction(secrets(exchange.scope)), time.time(), left_out
            )
        except Exception as failure:
            self._failed.add(type(failure).__name__)
            return
        for service in self._services:
            self._hand_over(service, report)

    def _hand_over(self, service: Service, report: Report) -> None:
        try:
            service.take(report)
        except Exception as failure:
            # The reported exception may be of any class, and even getting its text may fail.
            self._failed.add(type(failure).__name__)

    async def close(self) -> None:
        self._left_out.rest()
        self._failed.rest()
        await asyncio.to_thread(self._last)

    def _last(self) -> None:
        deadline = time.monotonic() + LAST_SECONDS
        for service in self._services:
            service.courier.stop()
        for service in self._services:
            service.courier.join(deadline)
