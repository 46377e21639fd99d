"""What tells whom we ask to which trace that belongs: headers of W3C Trace Context, for whoever traces to give."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TypeAlias

Inject: TypeAlias = Callable[[MutableMapping[str, str]], None]


def _nothing(_: MutableMapping[str, str]) -> None:
    """Nobody traces."""


_inject: Inject = _nothing


def carry(inject: Inject) -> None:
    """From now on, in this process."""
    global _inject
    _inject = inject


def headers() -> dict[str, str]:
    """Of the trace that the current task belongs to; none without one."""
    found: dict[str, str] = {}
    _inject(found)
    return found
