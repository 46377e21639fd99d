"""Tracebacks for the log, without what an exception repeats of the credentials of its request."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TypeAlias

Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]


def formatted(raised: Raised, redact: Callable[[str], str]) -> str:
    """As Python prints it. `redact` is given each text that an exception wrote; files, functions and source are none of them."""
    told = traceback.TracebackException(*raised, compact=True)
    for one in _all(told):
        _redact(one, redact)
    return "".join(told.format()).rstrip("\n")


def _redact(told: Any, redact: Callable[[str], str]) -> None:
    # The library has no other way to format a whole chain, with groups and notes, and to change what its members say.
    told._str = redact(told._str)
    if told.__notes__ is not None:
        told.__notes__ = [redact(str(note)) for note in told.__notes__]


def _all(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """With causes, contexts and members of groups."""
    left = [told]
    while left:
        one = left.pop()
        yield one
        left += filter(None, [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())])
