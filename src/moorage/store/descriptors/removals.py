"""How the workers of one server notify each other of what they removed."""

from __future__ import annotations

import mmap
import secrets
from typing import Final

_BYTES: Final = 8


class Removals:
    """Memory shared by all processes that are forked after it was made. Each removal by any of them changes its bytes.

    Random bytes, not a counter: two processes that count at the same time could write the same number.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)

    def last(self) -> bytes:
        return self._memory[:_BYTES]

    def tell(self) -> None:
        self._memory[:_BYTES] = secrets.token_bytes(_BYTES)
