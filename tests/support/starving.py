"""A system that starts no further threads, as under a limit of processes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

_TOO_LARGE: Final = 1 << 60
"""Bytes of a stack for which no system has room: starting a thread fails as it does at the limit."""


@contextlib.contextmanager
def no_threads() -> Iterator[None]:
    """Inside, no thread of this process can be started. Those that run go on."""
    before = threading.stack_size(_TOO_LARGE)
    try:
        yield
    finally:
        threading.stack_size(before)
