"""What is known of an upload's bytes without reading them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from moorage.digest import Digest, Hashes
from moorage.names import UploadId

REMEMBERED: Final = 4096
"""Running hashes kept between requests, per process."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of the first `size` bytes of a session."""

    size: int = 0
    mark: str = ""
    """The storage's name for exactly these bytes, where it has one (`drivers.base.Writer`)."""
    digests: Mapping[str, Digest] = field(default_factory=dict)

    @property
    def leaves_no_trace(self) -> bool:
        """Whether the storage may know nothing of the session: it names bytes by marks, and there are no bytes yet."""
        return bool(self.mark) and not self.size


class Hashing:
    """The running hashes of sessions between two of their requests. The least recently used are dropped."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._running: OrderedDict[tuple[UploadId, str], Hashes] = OrderedDict()

    def take(self, upload: UploadId, mark: str, size: int, algorithms: Iterable[str]) -> Hashes | None:
        """The hashes of the session's first `size` bytes, if this process has them. The mark identifies the bytes where two
        clients of a session may have written different ones."""
        hashes = self._running.pop((upload, mark), None)
        if hashes is not None and hashes.size == size and hashes.covers(algorithms):
            return hashes
        return Hashes(algorithms) if size == 0 else None

    def keep(self, upload: UploadId, mark: str, hashes: Hashes) -> None:
        self._running[upload, mark] = hashes
        while len(self._running) > self._limit:
            self._running.popitem(last=False)

    def drop(self, upload: UploadId, mark: str) -> None:
        self._running.pop((upload, mark), None)
