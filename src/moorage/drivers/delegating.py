"""A driver that delegates everything to another one: the base of wrappers that change a few methods."""

from __future__ import annotations

from typing import Any

from moorage.drivers.base import Driver


class DelegatingDriver:
    """Delegates what a subclass does not implement to the wrapped driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.name = driver.name
        self.exclusive = driver.exclusive
        # Each request reads these, and delegating the lookup would be slow.
        self.distant = driver.distant
        self.notes = driver.notes
        self.least_chunk = driver.least_chunk
        self.redirects = driver.redirects

    # Returns the wrapped driver's own methods: a call costs one more attribute lookup, but not one more coroutine, and methods
    # added to the interface later need no code here.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)
