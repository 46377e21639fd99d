"""Small manifests stored beside the tags that lead to them, so that one call over a network returns both.

A note is a hint: the reader compares it with the digest in the tag, and fetches the manifest itself if the note is
missing or does not match.
"""

from __future__ import annotations

import zlib
from typing import Final

MOST_BYTES: Final = 64 << 10
"""The largest manifest that gets a note, before compression."""


def pack(payload: bytes, limit: int) -> bytes:
    """The payload, compressed; empty if that would have more than `limit` bytes or the payload is too large."""
    if not 0 < len(payload) <= MOST_BYTES or not limit:
        return b""
    note = zlib.compress(payload, 9)
    return note if len(note) <= limit else b""


def unpack(note: bytes) -> bytes:
    """The payload in a note; empty if the note is not valid."""
    try:
        return zlib.decompressobj().decompress(note, MOST_BYTES)
    except zlib.error:
        return b""
