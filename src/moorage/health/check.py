"""A check: a probe that runs periodically, and the state that follows from its results."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

log = logging.getLogger(__name__)

Probe: TypeAlias = Callable[[], Awaitable[None]]
"""Returns if all is well, else raises. The error is for the operator, and contains no secrets."""

ANSWER_SECONDS: Final = 10.0
FIRST_SECONDS: Final = 1.0


class Failing(Exception):
    """Why a probe failed."""


class Check:
    """Fails after `threshold` failures of its probe in a row, and is well again after one success.

    Each change is logged once, and `changed` is called. `reason` says why the check fails; it is empty while all is well.
    """

    def __init__(
        self,
        name: str,
        probe: Probe,
        *,
        interval_seconds: float = 10.0,
        threshold: int = 1,
        timeout_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.name = name
        self.reason = ""
        self.changed: Callable[[], None] = lambda: None
        self._probe = probe
        self._interval_seconds = interval_seconds
        self._threshold = max(1, threshold)
        self._timeout_seconds = timeout_seconds
        self._failures = 0

    @property
    def well(self) -> bool:
        return not self.reason

    async def watch(self) -> None:
        """Run the probe every `interval_seconds`, forever, with jitter, so that processes that start together do not probe
        together."""
        await asyncio.sleep(random.uniform(0, min(FIRST_SECONDS, self._interval_seconds)))  # noqa: S311 - no secret
        while True:
            await self.ask()
            await asyncio.sleep(self._interval_seconds * random.uniform(0.9, 1.1))  # noqa: S311 - no secret

    async def ask(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._probe()
        except TimeoutError:
            self._failed(f"no answer in {self._timeout_seconds:g} seconds")
        except Exception as error:
            # Any error counts as a failure, and never ends the watch.
            self._failed(str(error) or type(error).__name__)
        else:
            self._worked()

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures < self._threshold:
            return
        began, self.reason = self.well, reason
        if began:
            log.error("health check fails", extra={"check": self.name, "reason": reason})
            self.changed()

    def _worked(self) -> None:
        self._failures = 0
        if not self.well:
            self.reason = ""
            log.info("health check is well again", extra={"check": self.name})
            self.changed()
