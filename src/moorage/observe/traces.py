"""Tracebacks for the log, without credentials of the request that an exception may repeat."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TypeAlias

Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]


def formatted(raised: Raised, redact: Callable[[str], str]) -> str:
    """A traceback as Python prints it, with the text of each exception redacted. Files, functions and source lines stay as they are."""
    told = traceback.TracebackException(*raised, compact=True)
    for one in _all(told):
        _redact(one, redact)
    return "".join(told.format()).rstrip("\n")


def _redact(told: Any, redact: Callable[[str], str]) -> None:
    # `traceback` has no other way to change the texts in a chain with groups and notes.
    told._str = redact(told._str)
    if told.__notes__ is not None:
        told.__notes__ = [redact(str(note)) for note in told.__notes__]


def _all(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """The exception with its causes, contexts and members of groups."""
    left = [told]
    while left:
        one = left.pop()
        yield one
        left += filter(None, [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())])
