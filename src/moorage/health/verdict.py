"""Whether the registry is fit to serve: the combined result of all checks, and the switch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from moorage.health.check import Check
from moorage.shared import Switch

if TYPE_CHECKING:
    from moorage.tasks import Work

log = logging.getLogger(__name__)

MANUAL: Final = "manual_http_status"
FRESH_SECONDS: Final = 1.0


class Health:
    """The state of one worker. `checks` decide whether requests are served; `ready` also runs the check `storage`, and
    is false once the server is `leaving`."""

    def __init__(
        self,
        checks: Sequence[Check],
        storage: Check,
        switch: Switch,
        leaving: Switch | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = checks
        self._switch = switch
        self._leaving = leaving or Switch()
        self._well = True
        self._storage = storage
        self._clock = clock
        self._asking = asyncio.Lock()
        self._fresh_until = clock()
        for check in checks:
            check.changed = self._changed

    @property
    def work(self) -> Sequence[Work]:
        """The background work, which runs as long as the worker."""
        return [check.watch for check in self._checks]

    def healthy(self) -> bool:
        """Whether to serve requests. Called for every request."""
        return self._well and not self._switch.down

    async def ready(self) -> bool:
        """Whether to send requests here: all is well, the server stays, and the storage answers. However often this is called,
        the storage is probed at most once per second."""
        if self._leaving.down or not self.healthy():
            return False
        if self._clock() >= self._fresh_until:
            async with self._asking:
                if self._clock() >= self._fresh_until:
                    await self._storage.ask()
                    self._fresh_until = self._clock() + FRESH_SECONDS
        return self._storage.well

    def failing(self) -> dict[str, str]:
        """The reasons of all failing checks, by name of the check."""
        found = {check.name: check.reason for check in self._checks if not check.well}
        if self._switch.down:
            found[MANUAL] = "taken out of service by hand"
        return found

    def turn(self, *, down: bool) -> None:
        """Take all workers of the server out of service, or put them back."""
        if self._switch.down != down:
            log.warning("taken out of service by hand" if down else "back in service")
            self._switch.turn(down=down)

    def _changed(self) -> None:
        self._well = all(check.well for check in self._checks)
