"""What a journal's file holds: a header, then records, in a form that shows which of them a power cut or a full disk has torn.

A record is the key of the file, two lengths, a checksum, the names as JSON, and the contents. The key is random and secret, so that no
content that a client has sent can pass for a record.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

KEY_BYTES: Final = 16

HEADER_LIMIT: Final = 512
"""In bytes. A header is shorter."""

_VERSION: Final = 1
_FRAME: Final = struct.Struct(f">{KEY_BYTES}sIQ16s")


class Entry(NamedTuple):
    """A small file. `path` is the driver's; `whole` is true of a verified upload, whose size is recorded with it; `replaced` are the times
    of what was at the path before, in nanoseconds since the epoch: a file that has one of them is older, whatever the clock said."""

    path: str
    data: bytes
    whole: bool = False
    replaced: tuple[int, ...] = ()


def new_header() -> bytes:
    """The beginning of a new file, with a key of its own."""
    return json.dumps({"version": _VERSION, "key": secrets.token_hex(KEY_BYTES)}).encode() + b"\n"


def key_of(data: bytes) -> bytes:
    """The key of a file that begins with `data`. Raises ValueError."""
    line, newline, _ = data[:HEADER_LIMIT].partition(b"\n")
    try:
        fields = json.loads(line) if newline else {}
        version = fields["version"]
        if version == _VERSION:
            return bytes.fromhex(fields["key"])
    except (KeyError, TypeError, ValueError):
        raise ValueError("it has no header") from None
    raise ValueError(f"it is of version {version}")


def encode(entries: Sequence[Entry], key: bytes) -> list[bytes]:
    """A record, in pieces."""
    names = json.dumps(
        [(entry.path, len(entry.data), entry.whole, entry.replaced) for entry in entries]
    ).encode()
    contents = [entry.data for entry in entries]
    frame = _FRAME.pack(key, len(names), sum(map(len, contents)), _checksum(key, [names, *contents]))
    return [frame, names, *contents]


def decode(data: bytes, key: bytes) -> Iterator[list[Entry]]:
    """The whole records of a file, in the order in which they were written. A torn one is passed over: others may follow it."""
    view = memoryview(data)
    position = data.find(key)
    while position >= 0:
        end = position + 1
        if found := _record(view[position:], key):
            entries, length = found
            end = position + length
            yield entries
        position = data.find(key, end)


def _record(data: memoryview, key: bytes) -> tuple[list[Entry], int] | None:
    """The record at the start of the data, with its length; None if it is torn."""
    if len(data) < _FRAME.size:
        return None
    _, names_length, length, checksum = _FRAME.unpack_from(data)
    contents = _FRAME.size + names_length
    end = contents + length
    if end > len(data) or _checksum(key, [data[_FRAME.size : end]]) != checksum:
        return None
    entries = []
    # Records of older versions have no fourth field.
    for path, size, whole, *replaced in json.loads(bytes(data[_FRAME.size : contents])):
        entries.append(Entry(path, bytes(data[contents : contents + size]), whole, *map(tuple, replaced)))
        contents += size
    return entries, end


def _checksum(key: bytes, pieces: Iterable[bytes | memoryview]) -> bytes:
    hashed = blake2b(key=key, digest_size=16)
    for piece in pieces:
        hashed.update(piece)
    return hashed.digest()


def last_of_each(files: Iterable[bytes]) -> list[Entry]:
    """What the files of a journal, oldest first, say of each path at last, with all that was replaced there. Raises ValueError for what is
    no such file."""
    found: dict[str, Entry] = {}
    replaced: dict[str, set[int]] = {}
    for data in files:
        for entries in decode(data, key_of(data)):
            for entry in entries:
                found.pop(entry.path, None)
                found[entry.path] = entry
                replaced.setdefault(entry.path, set()).update(entry.replaced)
    return [entry._replace(replaced=tuple(replaced[path])) for path, entry in found.items()]
