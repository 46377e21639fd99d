"""Small manifests beside the tags that lead to them, so that one call over a network brings both.

A note is a hint: whoever reads it compares it with the digest in the tag, and asks for the manifest where it is missing or
something else.
"""

from __future__ import annotations

import zlib
from typing import Final

MOST_BYTES: Final = 64 << 10
"""Of a manifest that is unpacked: a note is compressed."""


def pack(payload: bytes, limit: int) -> bytes:
    """Empty where it would have more than `limit` bytes."""
    if not 0 < len(payload) <= MOST_BYTES or not limit:
        return b""
    note = zlib.compress(payload, 9)
    return note if len(note) <= limit else b""


def unpack(note: bytes) -> bytes:
    """Empty for what is no note."""
    try:
        return zlib.decompressobj().decompress(note, MOST_BYTES)
    except zlib.error:
        return b""
