"""Link files: small texts that let a repository serve content which lies elsewhere.

The reference implementation could leave a link empty or torn when it died. The path of a sha256 link tells what it
held, so such a link counts as whole and is written anew when met.
"""

from __future__ import annotations

import logging

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.errors import DigestInvalid

log = logging.getLogger(__name__)


def held(content: bytes) -> Digest:
    """The digest that a link file holds. Raises DigestInvalid for a torn one."""
    return Digest.parse(content.decode("latin-1").strip())


class Links:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def target(self, path: str, digest: Digest) -> Digest | None:
        """The canonical digest that the link at `path`, made for `digest`, leads to; None without a link."""
        try:
            if not digest.canonical:
                return held(await self._driver.read(path))
            found = await self._driver.stat(path)
        except PathNotFound:
            return None
        except DigestInvalid:
            log.warning("torn link ignored: push its content again", extra={"path": path})
            return None
        if found.size != len(digest):
            await self.repair(path, digest)
        return digest

    async def repair(self, path: str, digest: Digest) -> None:
        """Write a torn link anew. That it could not be written is no reason not to answer."""
        try:
            await self._driver.write([(path, digest.encode())])
        except DriverError as error:
            log.warning("torn link, not repaired", extra={"path": path, "reason": str(error)})
        else:
            log.warning("torn link repaired", extra={"path": path, "digest": digest})
