"""Collects garbage for certain: `gc.collect` does nothing while another thread collects."""

from __future__ import annotations

import gc
import weakref


class _Cycle:
    """Only a collection can free it."""

    def __init__(self) -> None:
        self.itself = self


def collect() -> None:
    """Run a full collection, after that of another thread if one is under way.

    A thread can lose the interpreter within a collection, as callbacks of collections are Python code. While collections that nobody
    asks for are off, the one under way can free the first cycle, but never the second.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(2):
            cycle = weakref.ref(_Cycle())
            while cycle() is not None:
                gc.collect()
    finally:
        if enabled:
            gc.enable()
