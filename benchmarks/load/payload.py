"""Content that is new every time and costs the client nothing: random bytes whose last 64 change."""

from __future__ import annotations

import hashlib
import mmap
import os
from pathlib import Path

TAIL_BYTES = 64


class Payload:
    """`size` bytes, of which the hash of all but the tail is kept: a fresh digest is one small update.

    The tail is what changes, not the beginning, so that a server cannot tell before the end what it gets.
    """

    def __init__(self, data: bytes | mmap.mmap, size: int) -> None:
        if size > len(data):
            raise ValueError(f"a payload of {size} bytes needs as many, and there are {len(data)}")
        self.size = size
        self.body = memoryview(data)[: size - TAIL_BYTES]
        self._hash = hashlib.sha256(self.body)

    @classmethod
    def random(cls, size: int) -> Payload:
        return cls(os.urandom(size), size)

    @classmethod
    def of_file(cls, path: Path, size: int) -> Payload:
        with path.open("rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), size)

    def fresh(self) -> tuple[bytes, str]:
        """A new tail, and the digest of the content that ends with it."""
        tail = os.urandom(TAIL_BYTES // 2).hex().encode()
        whole = self._hash.copy()
        whole.update(tail)
        return tail, f"sha256:{whole.hexdigest()}"
