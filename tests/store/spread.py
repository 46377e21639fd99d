"""Long loops over scenarios, spread over the processors."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from tests.contracts.disk import descriptors, fast_folder

Count = Callable[..., int]

JOURNALED = pytest.mark.parametrize("journaled", [True, False], ids=["journaled", "direct"])
"""Each loop is for both ways of writing small files."""

JOURNAL_BYTES = 6_000
"""So little that a journal is settled in the middle of a scenario."""


def total(count: Count, cases: Sequence[tuple[Any, ...]]) -> int:
    """The sum of `count(folder, *case)` over the cases, each in a fresh folder, the first ones first. Raises what a
    case raises, and AssertionError when one leaks file descriptors. `count` must be a function of a module."""
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        return sum(pool.map(_one, [count] * len(cases), cases))


def _one(count: Count, case: tuple[Any, ...]) -> int:
    logging.disable(logging.CRITICAL)
    before = descriptors()
    with fast_folder() as folder:
        found = count(folder, *case)
    leaked = descriptors() - before
    assert not leaked, f"{case} leaks {leaked}"
    return found
