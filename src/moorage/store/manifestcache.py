"""Parsed manifests, kept in memory."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from typing import Final, NamedTuple

from moorage.digest import Digest
from moorage.drivers.bounded import Bounded
from moorage.errors import ManifestInvalid
from moorage.manifest import Descriptor, Manifest, parse
from moorage.store.parsing import Loading

CACHE_BYTES: Final = 32 << 20

SHARES: Final = 4
"""A manifest that would take more than this part of the memory is kept as an `Outline`, so that it drives few others out."""

KNOWN: Final = 8192
"""Manifests whose `Bearing` is remembered. Each takes up to 500 bytes."""

# Bytes that an object takes besides the characters of its strings, rounded up.
_DESCRIPTOR: Final = 400
_PAIR: Final = 260
_URL: Final = 80
_MANIFEST: Final = 600


class Bearing(NamedTuple):
    """What a query for referrers has to know of a manifest to pass it over unread."""

    subject: str
    """Empty without a subject."""
    artifact_type: int
    """The hash of the artifact type, which may be as long as a manifest."""

    @classmethod
    def of(cls, found: Manifest) -> Bearing:
        return cls("" if found.subject is None else found.subject.digest, hash(found.artifact_type))


class Bearings:
    """Those of up to `KNOWN` manifests, by any of their digests; the oldest entry goes first. Like all that a digest tells, they
    are never stale; they do not mean that a repository has the manifest."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, Bearing] = OrderedDict()

    def get(self, digest: Digest) -> Bearing | None:
        return self._known.get(digest)

    def put(self, digest: Digest, found: Manifest) -> None:
        self._known[digest] = Bearing.of(found)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)


class ManifestCache:
    """Parsed manifests by canonical digest. The least recently used are dropped when they take more than `limit` bytes of
    memory.

    A digest always means the same bytes, so no entry can be stale. An entry does not mean that a repository has the
    manifest.
    """

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._kept = Bounded[Manifest](limit)
        self.loading = Loading()
        self.bearings = Bearings()

    def get(self, digest: Digest) -> Manifest | None:
        return self._kept.get(digest)

    def put(self, digest: Digest, found: Manifest) -> None:
        """Keep a manifest, or its outline if it is heavy, unless that alone would exceed the limit."""
        if digest in self._kept:
            return
        size = weight(found)
        if size > self._limit // SHARES:
            found = Outline(found)
            size = found.weight()
        self._kept.put(digest, found, size)


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


class Outline(Manifest):
    """A manifest that is kept without the parts that may take twenty times the memory of its bytes: those are made anew at each
    access. Of its subject, only the digest, the size and the media type are kept."""

    __slots__ = ("_annotated",)

    _annotated: bool

    def __init__(self, whole: Manifest) -> None:
        subject = whole.subject
        if subject is not None:
            subject = Descriptor(media_type=subject.media_type, size=subject.size, digest=subject.digest)
        for name, value in (
            ("payload", whole.payload),
            ("media_type", whole.media_type),
            ("subject", subject),
            ("artifact_type", whole.artifact_type),
            ("_annotated", whole.annotations is not None),
        ):
            object.__setattr__(self, name, value)

    def weight(self) -> int:
        """Bytes of memory, rounded up."""
        total = _MANIFEST + sys.getsizeof(self.payload) + sys.getsizeof(self.artifact_type)
        if self.subject is not None:
            total += _DESCRIPTOR + sys.getsizeof(self.subject.media_type)
        return total

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        return self._descriptors()[0]

    @property
    def manifests(self) -> tuple[Descriptor, ...]:
        return self._descriptors()[1]

    def _descriptors(self) -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]:
        try:
            found = parse(self.payload)
        except ManifestInvalid:
            # It was refused before, or it was parsed on a shallower stack. Nothing meaningful is nested this deep.
            return (), ()
        return found.blobs, found.manifests

    @property
    def annotations(self) -> dict[str, str] | None:
        if not self._annotated:
            return None
        try:
            # Several times as fast as `parse`: these are asked for with each list of referrers.
            found: dict[str, str | None] = json.loads(self.payload)["annotations"]
        except RecursionError:
            return None
        return {key: value or "" for key, value in found.items()}
