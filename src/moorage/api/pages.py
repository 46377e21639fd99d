"""Pages of lists: `n`, `last` and the Link to the next one (distribution-spec, "Listing tags"; RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from moorage.api.exchange import Exchange
from moorage.errors import PageSizeInvalid

_NUMBER = re.compile(r"[0-9]{1,400}", re.ASCII)


@dataclass(frozen=True)
class Page:
    """`size` None means all."""

    size: int | None
    last: str

    @classmethod
    def of(cls, exchange: Exchange, default: int | None, most: int) -> Page:
        """Raises PageSizeInvalid for what is no number. One over the limit gets the limit: a client that asks for
        much wants as much as there is."""
        text = exchange.parameter("n")
        last = exchange.parameter("last") or ""
        if not text:
            return cls(default, last)
        if not _NUMBER.fullmatch(text):
            raise PageSizeInvalid(detail={"n": text[:100]})
        return cls(most if len(text) > 9 else min(int(text), most), last)

    def cut(self, found: Sequence[str]) -> tuple[Sequence[str], bool]:
        """The page out of one item more than its size, and whether there is another one."""
        if self.size is None or len(found) <= self.size:
            return found, False
        return found[: self.size], self.size > 0


def next_link(exchange: Exchange, path: str, size: int, last: str) -> tuple[bytes, bytes]:
    target = exchange.service.locations.of(exchange.scope, f"{path}?last={quote(last, safe='')}&n={size}")
    return b"link", f'<{target}>; rel="next"'.encode("latin-1")
