"""Keeps variables of the environment from obstore, which heeds them for whatever it is not told, and some even before what it is told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final

KEPT: Final = frozenset({"AZURE_AUTHORITY_HOST"})
"""They choose no credentials."""


@contextlib.contextmanager
def without_variables(prefix: str) -> Iterator[None]:
    """Variables with that prefix are away meanwhile: what the configuration says comes first. Threads that look for one of them at
    the same time miss it, so this is for the start."""
    hidden = {
        name: value for name, value in os.environ.items() if name.startswith(prefix) and name not in KEPT
    }
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
