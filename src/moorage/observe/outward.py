"""Trace headers (W3C Trace Context) for requests that this process sends."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TypeAlias

Inject: TypeAlias = Callable[[MutableMapping[str, str]], None]


def _nothing(_: MutableMapping[str, str]) -> None:
    """Adds no headers, as tracing is off."""


_inject: Inject = _nothing


def carry(inject: Inject) -> None:
    """Have `inject` provide the headers from now on, in this process. `tracing` calls this."""
    global _inject
    _inject = inject


def headers() -> dict[str, str]:
    """The headers of the trace that the current task belongs to; empty without one."""
    found: dict[str, str] = {}
    _inject(found)
    return found
