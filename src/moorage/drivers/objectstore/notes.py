"""Notes: a few bytes beside an object, kept in its metadata."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOTE: Final = "moorage"
"""The name of a note in the metadata of an object: a name that all stores accept."""

NOTE_BYTES: Final = 1400
"""S3 allows 2 KB of metadata including the names, and a note is encoded in base64."""

NO_NOTE: Final[Mapping[str, str]] = MappingProxyType({})


def as_metadata(note: bytes) -> Mapping[str, str]:
    return {NOTE: base64.b64encode(note).decode()}


def from_metadata(found: Mapping[str, object]) -> bytes:
    """The note in the metadata of an object; empty if there is none, or no valid one."""
    try:
        return base64.b64decode(str(found.get(NOTE, "")), validate=True)
    except (binascii.Error, ValueError):
        return b""
