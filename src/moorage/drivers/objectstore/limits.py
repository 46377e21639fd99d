"""What a store takes of one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20


@dataclass(frozen=True)
class Limits:
    """In bytes and numbers (S3 User Guide, "Multipart upload limits"; the other stores allow as much or more).

    `least_part` is that of all parts but the last, `copy` that of one call. `segment` is ours: an upload is cut at multiples of it,
    so that each piece can be copied in one call, and parts of a copy end where it does. It is less than `copy`.
    """

    parts: int = 10_000
    least_part: int = 5 << 20
    copy: int = 5 << 30
    segment: int = 4 << 30

    def cut(self, start: int) -> int:
        """Where the piece that begins there has to end. A short one is not cut, for most clients that send chunks send equal
        ones, and those are better left whole."""
        short = self.copy - self.segment
        return -(-(start + short) // self.segment) * self.segment


USUAL: Final = Limits()


def part_size(size: int, least: int, limits: Limits) -> int:
    """Of each part but the last, for an object of `size` bytes: `least`, or whole MiB when that many would be too many. Equal
    sizes, for some stores refuse others (Cloudflare R2)."""
    fewest = -(-size // limits.parts)
    return max(least, limits.least_part, -(-fewest // MIB) * MIB)
