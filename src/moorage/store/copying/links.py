"""Copies small files. Those that the target has already are not written again."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from moorage.drivers.base import Driver, PathNotFound
from moorage.store.abreast import abreast
from moorage.store.copying.report import CopyReport

LINKS_AT_ONCE: Final = 32


class LinkCopies:
    """Writes links, given as contents by path. Each method raises DriverError."""

    def __init__(self, target: Driver, report: CopyReport) -> None:
        self._target = target
        self._report = report

    async def missing(self, links: Mapping[str, bytes]) -> dict[str, bytes]:
        """The links that the target lacks, or has with another content."""
        missing: set[str] = set()

        async def look(path: str) -> None:
            try:
                if await self._target.read(path) == links[path]:
                    return
            except PathNotFound:
                pass
            missing.add(path)

        await abreast(LINKS_AT_ONCE, links, look)
        return {path: content for path, content in links.items() if path in missing}

    async def write(self, links: Mapping[str, bytes]) -> None:
        """Write links, in no guaranteed order."""
        waiting = iter(links.items())
        while batch := list(islice(waiting, LINKS_AT_ONCE)):
            await self._target.write(batch)
            self._report.links += len(batch)
