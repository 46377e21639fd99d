"""A driver that delegates everything to another one: the base of wrappers that change a few methods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from moorage.drivers.base import Driver

OPERATIONS: Final = (
    *("read", "read_noted", "stat", "written", "open", "is_folder", "children", "abandoned"),
    *("write", "write_noted", "writer", "move", "delete", "delete_matching"),
)
"""The methods that ask a distant store, and return what it said."""

Operation = Callable[..., Awaitable[Any]]


def unfolded(
    stages: Iterable[Iterable[tuple[str, bytes]]],
) -> tuple[list[list[tuple[str, bytes]]], list[str]]:
    """The stages of a write, to be passed on, and the paths in them."""
    whole = [list(stage) for stage in stages]
    return whole, [path for stage in whole for path, _ in stage]


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
