"""A limit to how many operations a driver has going on (`storage.gcs.maxconcurrency`)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from moorage.drivers.base import Driver
from moorage.drivers.delegating import OPERATIONS, DelegatingDriver, Operation


class Limited(DelegatingDriver):
    """No more than `most` operations at a time; the others wait. Bytes of opened files come and go beside that: a client that takes its
    time would keep all others out."""

    def __init__(self, driver: Driver, most: int) -> None:
        super().__init__(driver)
        self._places = asyncio.Semaphore(most)
        for name in OPERATIONS:
            setattr(self, name, partial(self._in_turn, getattr(driver, name)))

    async def _in_turn(self, operation: Operation, /, *arguments: Any, **named: Any) -> Any:
        async with self._places:
            return await operation(*arguments, **named)
