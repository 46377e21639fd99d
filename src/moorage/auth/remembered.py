"""Credentials that were right a short while ago, so that not every request costs a slow check."""

from __future__ import annotations

import hmac
import mmap
import secrets
import struct
import time
from collections.abc import Callable
from typing import Final

SECONDS: Final = 300.0
"""Counted from the slow check, however often the credentials are used since: an entry that renewed itself would never be checked
against the file again. A change of the file takes effect without waiting for that."""

BUCKETS: Final = 512
WAYS: Final = 8
_ENTRY: Final = struct.Struct("=32sQ")
_BUCKET: Final = WAYS * _ENTRY.size
SIZE: Final = BUCKETS * _BUCKET
_MICROSECONDS: Final = 1_000_000


class Remembered:
    """A table of 4,096 entries, 160 KiB, in memory shared by all processes that are forked after it was made.

    It contains neither passwords nor hashes of them. A *proof* is an HMAC, under a key that is made with the table, of the
    hash in the password file, the user and the password: when the file has another hash for the user, or none, earlier proofs
    are not found any more. An entry is an HMAC, under the proof, of the time when it ends, and that time.

    There are no locks. A process may overwrite an entry while another reads it, or die when it has written half of it; but as
    the MAC covers the time, an entry made of two halves fits no proof: a torn entry is a miss, and costs one slow check. In a
    full bucket the entry that ends first is replaced; only right credentials are entered, so guessing evicts nothing."""

    def __init__(self, memory: mmap.mmap | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        """`memory`: SIZE bytes, all zero."""
        self._memory = memory if memory is not None else mmap.mmap(-1, SIZE)
        self._key = secrets.token_bytes(32)
        self._now = now

    def proof(self, hashed: bytes, user: str, password: str) -> bytes:
        """32 bytes that are the same in all workers for the same arguments, and different for any others. `hashed`: as in the
        password file, empty for a user that the file does not have."""
        names = (part.encode("utf-8", "surrogatepass") for part in (user, password))
        return hmac.digest(self._key, encoded(hashed, *names), "sha256")

    def remember(self, proof: bytes) -> None:
        now = self._microseconds()
        until = now + int(SECONDS * _MICROSECONDS)
        start = _bucket(proof)
        ends = [end if now < end <= until else 0 for _, end in self._entries(start)]
        place = start + _ENTRY.size * ends.index(min(ends))
        self._memory[place : place + _ENTRY.size] = _ENTRY.pack(_mac(proof, until), until)

    def knows(self, proof: bytes) -> bool:
        now = self._microseconds()
        return any(
            now < end and hmac.compare_digest(_mac(proof, end), mac)
            for mac, end in self._entries(_bucket(proof))
        )

    def _entries(self, start: int) -> list[tuple[bytes, int]]:
        return list(_ENTRY.iter_unpack(self._memory[start : start + _BUCKET]))

    def _microseconds(self) -> int:
        return int(self._now() * _MICROSECONDS)


def encoded(*parts: bytes) -> bytes:
    """The parts, each preceded by its length, so that no two lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _bucket(proof: bytes) -> int:
    return int.from_bytes(proof[:8], "big") % BUCKETS * _BUCKET


def _mac(proof: bytes, end: int) -> bytes:
    return hmac.digest(proof, end.to_bytes(8, "big"), "sha256")
