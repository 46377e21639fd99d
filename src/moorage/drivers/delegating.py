"""A driver that passes everything on to another one: the ground for those that change one answer."""

from __future__ import annotations

from typing import Any

from moorage.drivers.base import Driver


class DelegatingDriver:
    """What a subclass does not answer itself, the driver below answers."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.name = driver.name
        self.exclusive = driver.exclusive
        self.redirects = driver.redirects

    async def direct(self, path: str, method: str, client: str) -> str | None:
        return await self._driver.direct(path, method, client)

    # The methods of the driver below are handed out themselves: a call costs a look-up more, not a coroutine
    # more, and what the interface gains later needs no line here.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)
