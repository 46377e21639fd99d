"""Numbers in a file: one process adds to them, any process may read them, and they outlive the process.

The file has the format of prometheus_client's multiprocess mode, which reads it: the number of used bytes, as an int of 4 bytes in the
first 8; then for each number the length of its key, the key, 1 to 8 spaces up to a multiple of 8, the number, and 8 more bytes. Adding to
prometheus_client's own values takes 1.5 us, because each time it takes a lock and asks for the process id; `view[place] += 1.0` takes
less than a tenth of that. A flush on a timer would be as cheap, but would lose what a killed worker counted last.
"""

from __future__ import annotations

import json
import logging
import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

ROOM: Final = 4 << 20
"""Bytes of address space for a file. On disk, it takes only what is used."""

STEP: Final = 64 << 10
FIRST: Final = 8
NUMBER_BYTES: Final = 16


class Numbers:
    """The numbers of one file. `view` holds them, each at the place of its key."""

    def __init__(self, path: Path) -> None:
        """Create the file, or continue the numbers of a process that is gone. Raises OSError, and ValueError for a damaged file."""
        if not path.exists():
            _create(path)
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), ROOM)
            self._fd = os.dup(file.fileno())
        self.view = memoryview(self._memory).cast("d")
        self._places: dict[str, int] = {}
        self._used: int = struct.unpack_from("i", self._memory)[0]
        self._allocated = 0
        # Numbers that find no room are all counted here, where nothing reads them.
        self._nowhere = ROOM // 8 - 1
        try:
            self._find()
            os.posix_fallocate(self._fd, ROOM - mmap.PAGESIZE, mmap.PAGESIZE)
            self._allocate(self._used)
        except (OSError, ValueError):
            self.close()
            raise

    def place(self, name: str, sample: str, labels: Mapping[str, str], help_text: str) -> int:
        """The place of a number, which begins at 0. `name`: of the metric. `sample`: of one of its lines."""
        key = json.dumps([name, sample, labels, help_text], sort_keys=True)
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = self._append(key.encode())
        return found

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of all numbers of a metric."""
        keys = [json.loads(key) for key in self._places]
        return [labels for metric, _, labels, _ in keys if metric == name]

    def clear(self) -> None:
        """Set all numbers to 0."""
        for place in self._places.values():
            self.view[place] = 0.0

    def close(self) -> None:
        self.view.release()
        self._memory.close()
        os.close(self._fd)

    def _find(self) -> None:
        """Find the numbers that are in the file. Raises ValueError."""
        at, end = FIRST, self._used
        if not FIRST <= end <= ROOM - mmap.PAGESIZE:
            raise ValueError(f"{end} bytes cannot be in use")
        while at < end:
            length: int = struct.unpack_from("i", self._memory, at)[0]
            if not 0 < length <= end - at:
                raise ValueError(f"a key has {length} bytes")
            key = self._memory[at + 4 : at + 4 + length]
            at += 4 + length + _spaces(key)
            _check(key)
            self._places[key.decode()] = at // 8
            at += NUMBER_BYTES
        if at != end:
            raise ValueError("the last number is not complete")

    def _append(self, key: bytes) -> int:
        padded = key + b" " * _spaces(key)
        entry = struct.pack(f"=i{len(padded)}sdd", len(key), padded, 0.0, 0.0)
        end = self._used + len(entry)
        try:
            if end > ROOM - mmap.PAGESIZE:
                raise OSError("there are too many different ones")
            self._allocate(end)
        except OSError as error:
            log.warning("a metric is not counted", extra={"reason": str(error), "metric": key.decode()})
            return self._nowhere
        # In this order, readers and the successor after a crash see only complete entries.
        self._memory[self._used : end] = entry
        self._memory[:4] = struct.pack("i", end)
        self._used = end
        return (end - NUMBER_BYTES) // 8

    def _allocate(self, end: int) -> None:
        """Allocate disk space up to `end`: writing to the mapping without it would kill the process on a full disk."""
        if end > self._allocated:
            whole = -(-end // STEP) * STEP
            os.posix_fallocate(self._fd, self._allocated, whole - self._allocated)
            self._allocated = whole


def _spaces(key: bytes) -> int:
    return 8 - (len(key) + 4) % 8


def _check(key: bytes) -> None:
    """Raises ValueError if it is not a key."""
    match json.loads(key):
        case [str(), str(), dict(), str()]:
            return
    raise ValueError("a key is damaged")


def _create(path: Path) -> None:
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(struct.pack("ii", FIRST, 0))
        file.truncate(ROOM)
    # Readers never see an incomplete file.
    new.rename(path)
