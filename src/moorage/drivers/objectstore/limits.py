"""The limits of a store for one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits in bytes and numbers (S3 User Guide, "Multipart upload limits"; the other stores allow as much or more)."""

    parts: int = 10_000
    least_part: int = 5 << 20
    """The least size of all parts but the last."""
    copy: int = 5 << 30
    """The most bytes that one call copies."""
    segment: int = 4 << 30
    """An upload is cut at multiples of this size, so that one call can copy each segment, and parts of a copy can end where
    segments do. This is not a limit of the store; it must be less than `copy`."""

    def cut(self, start: int) -> int:
        """The offset where the segment that begins at `start` has to end. The next multiple of `segment` is skipped if it is so
        near that `copy` allows it: most clients that send chunks send equal ones, which are better left whole."""
        short = self.copy - self.segment
        return -(-(start + short) // self.segment) * self.segment


USUAL: Final = Limits()


def part_size(size: int, least: int, limits: Limits) -> int:
    """The size of each part but the last, for an object of `size` bytes: `least`, or as many MiB as keep the number of parts
    within the limit. All have the same size, because some stores (Cloudflare R2) require it."""
    fewest = -(-size // limits.parts)
    return max(least, limits.least_part, -(-fewest // MIB) * MIB)
