"""Parsed manifests, kept in memory."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Final

from moorage.digest import Digest
from moorage.manifest import Descriptor, Manifest

CACHE_BYTES: Final = 32 << 20

# Bytes that an object takes besides the characters of its strings, rounded up.
_DESCRIPTOR: Final = 400
_PAIR: Final = 260
_URL: Final = 80
_MANIFEST: Final = 600


class ManifestCache:
    """Parsed manifests by canonical digest. The least recently used are dropped when they take more than `limit` bytes of
    memory.

    A digest always means the same bytes, so no entry can be stale. An entry does not mean that a repository has the
    manifest.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._entries: OrderedDict[Digest, tuple[Manifest, int]] = OrderedDict()

    def get(self, digest: Digest) -> Manifest | None:
        entry = self._entries.get(digest)
        if entry is None:
            return None
        self._entries.move_to_end(digest)
        return entry[0]

    def put(self, digest: Digest, found: Manifest) -> None:
        """Keep a manifest, unless it alone would exceed the limit."""
        if digest in self._entries:
            return
        size = weight(found)
        if size > self._limit:
            return
        self._entries[digest] = (found, size)
        self._size += size
        while self._size > self._limit:
            _, (_, freed) = self._entries.popitem(last=False)
            self._size -= freed


def weight(found: Manifest) -> int:
    """An upper bound of the memory in bytes: the payload, the objects made of it, and the characters of their strings."""
    payload = found.payload
    # One wide character makes all characters of its string as wide.
    width = 1 if payload.isascii() and b"\\u" not in payload else 4
    total = _MANIFEST + len(payload) * (1 + width)
    for descriptor in (*found.blobs, *found.manifests):
        total += _weight(descriptor)
    if found.subject is not None:
        total += _weight(found.subject)
    return total + _pairs(found.annotations)


def _weight(descriptor: Descriptor) -> int:
    urls = descriptor.urls
    return (
        _DESCRIPTOR
        + _pairs(descriptor.annotations)
        + (0 if urls is None else sys.getsizeof(urls) + _URL * len(urls))
    )


def _pairs(annotations: dict[str, str] | None) -> int:
    return 0 if annotations is None else sys.getsizeof(annotations) + _PAIR * len(annotations)
