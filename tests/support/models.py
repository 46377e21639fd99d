"""What botocore says about Amazon's services, read once by a process instead of once by each session."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader

_read = JSONFileLoader.load_file


@cache
def _once(path: str) -> Any:
    return _read(JSONFileLoader(), path)


def remember() -> None:
    """All clients of one session share what it has read, so nobody changes it."""
    JSONFileLoader.load_file = lambda _, path: _once(path)
