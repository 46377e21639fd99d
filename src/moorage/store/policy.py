"""Which references of a manifest must exist, and which addresses its layers may name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from moorage.errors import ManifestInvalid
from moorage.manifest import Descriptor, Manifest

CHECKED_IN_TURN: Final = 64
"""Addresses, of which a manifest may have hundreds of thousands, before other requests get their turn."""

_FOREIGN = re.compile(
    r"application/vnd\.(oci\.image\.layer\.nondistributable|docker\.image\.rootfs\.foreign)\..*", re.ASCII
)


class Expression(Protocol):
    """A compiled regular expression. It searches in time that is linear in the text: clients choose the text."""

    def search(self, text: str, /) -> object | None: ...


@dataclass(frozen=True)
class ReferencePolicy:
    """The rules of the section `validation` of the configuration.

    A layer that must not be distributed may be absent if it names where to get it. `allow` and `deny` are regular
    expressions for those addresses; with neither, every http(s) address is allowed.
    """

    allow: Sequence[Expression] = ()
    deny: Sequence[Expression] = ()
    children: Literal["all", "none", "list"] = "all"
    platforms: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Pairs of os and architecture whose images have to exist if `children` is `list`."""

    async def check(self, manifest: Manifest) -> None:
        """Check the addresses in a manifest. Raises ManifestInvalid naming the first one that is not allowed."""
        urls = (url for descriptor in manifest.blobs for url in descriptor.urls or ())
        for position, url in enumerate(urls, start=1):
            if not self._permits(url):
                raise ManifestInvalid(
                    "a layer's URL is not allowed here (validation.manifests.urls)",
                    detail={"url": url[:500]},
                )
            if position % CHECKED_IN_TURN == 0:
                await asyncio.sleep(0)

    def _permits(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https") or parts.fragment or not parts.netloc:
            return False
        if self.allow and not any(pattern.search(url) for pattern in self.allow):
            return False
        return not any(pattern.search(url) for pattern in self.deny)

    def required(self, blob: Descriptor) -> bool:
        return not (blob.urls and _FOREIGN.fullmatch(blob.media_type))

    def child_required(self, child: Descriptor) -> bool:
        if self.children != "list":
            return self.children == "all"
        platform = child.platform or {}
        system, architecture = platform.get("os"), platform.get("architecture")
        # A manifest that is stored already may have anything here.
        if not isinstance(system, str) or not isinstance(architecture, str):
            return False
        return (system, architecture) in self.platforms
