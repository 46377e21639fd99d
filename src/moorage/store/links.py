"""Link files: small texts that let a repository serve content that is stored elsewhere.

The reference implementation could leave a link empty or torn when it died. The path of a sha256 link contains the
digest, so such a link counts as intact and is rewritten when it is read.
"""

from __future__ import annotations

import logging
from functools import lru_cache

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.errors import DigestInvalid

log = logging.getLogger(__name__)


@lru_cache(maxsize=4096)
def parse_link(content: bytes) -> Digest:
    """The digest in a link file. Raises DigestInvalid if it is torn."""
    return Digest.parse(content.decode("latin-1").strip())


class Links:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def target(self, path: str, digest: Digest) -> Digest | None:
        """The canonical digest that the link at `path`, made for `digest`, leads to; None if there is no usable link."""
        try:
            if not digest.canonical:
                return parse_link(await self._driver.read(path))
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
        """Rewrite a torn link. A failure is only logged, so that the request can still be answered."""
        try:
            await self._driver.write([(path, digest.encode())])
        except DriverError as error:
            log.warning("torn link, not repaired", extra={"path": path, "reason": str(error)})
        else:
            log.warning("torn link repaired", extra={"path": path, "digest": digest})
