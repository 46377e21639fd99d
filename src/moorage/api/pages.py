"""Pages of lists: `n`, `last` and the Link to the next page (distribution-spec, "Listing tags"; RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from moorage.api.exchange import Exchange
from moorage.errors import PageSizeInvalid

_NUMBER = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True)
class Page:
    """What a client asks for: at most `size` items, or all if None, that follow `last`."""

    size: int | None
    last: str

    @classmethod
    def of(cls, exchange: Exchange, default: int | None, most: int) -> Page:
        """Raises PageSizeInvalid for a size that is not a number. A size above `most` becomes `most`: a client that asks for
        that many wants as many as it can get."""
        text = exchange.parameter("n")
        last = exchange.parameter("last") or ""
        if not text:
            return cls(default, last)
        if not _NUMBER.fullmatch(text):
            raise PageSizeInvalid(detail={"n": text[:100]})
        return cls(most if len(text) > 9 else min(int(text), most), last)

    def cut(self, found: Sequence[str]) -> tuple[Sequence[str], bool]:
        """The page, cut from up to one item more than its size, and whether there is another page."""
        if self.size is None or len(found) <= self.size:
            return found, False
        return found[: self.size], self.size > 0


def next_link(exchange: Exchange, path: str, size: int, last: str, **more: str) -> tuple[bytes, bytes]:
    """`more`: what else the query has."""
    query = urlencode({"last": last, "n": size, **more}, quote_via=quote)
    target = exchange.service.locations.of(exchange.scope, f"{path}?{query}")
    return b"link", f'<{target}>; rel="next"'.encode("latin-1")
