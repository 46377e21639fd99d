"""What is known of a registry that is being checked, and how to ask the storage again."""

from __future__ import annotations

from moorage.digest import CANONICAL, Digest, Hashes
from moorage.drivers.base import Damaged, Driver, DriverError, FileInfo, PathNotFound
from moorage.names import Name
from moorage.store import layout
from moorage.store.ages import Age
from moorage.store.checking.report import CheckReport
from moorage.store.contents import Key, key, leads_to
from moorage.store.findings import Finding
from moorage.store.hashing import read_through
from moorage.store.live import LiveTree


class Listings(LiveTree):
    """A tree that reports whatever does not belong in it as a finding, once for each path."""

    def __init__(self, driver: Driver, report: CheckReport) -> None:
        super().__init__(driver)
        self._report = report
        self._foreign: set[str] = set()

    def foreign(self, path: str, repository: str = "") -> None:
        if path not in self._foreign:
            self._foreign.add(path)
            detail = "no registry puts it there"
            self._report.tell(Finding("foreign-file", path, repository=repository, detail=detail))

    def warn(self, message: str, path: str, **more: str) -> None:
        self.foreign(path)


class State:
    """What is known so far: the `sizes` of blobs that looked whole, and the blobs that are `corrupt`. What was written
    less than `settled` ago may be a part of something that is not complete yet."""

    def __init__(self, driver: Driver, report: CheckReport, settled: Age) -> None:
        self.driver = driver
        self.report = report
        self.tree = Listings(driver, report)
        self.settled = settled
        self.sizes: dict[Key, int] = {}
        self.corrupt: set[Key] = set()

    def has(self, digest: Digest) -> bool:
        return key(digest) in self.sizes

    async def info(self, path: str) -> FileInfo | None:
        """What the driver knows of a path; None if it does not exist. Raises DriverError, also Damaged."""
        try:
            return await self.driver.stat(path)
        except Damaged:
            raise
        except PathNotFound:
            # A listing has to confirm it.
            return None if await self.tree.modified(path) is None else await self.info(path)

    async def is_young(self, path: str) -> bool:
        """Whether the path changed too short a time ago, or no longer exists."""
        try:
            found = await self.info(path)
        except Damaged:
            return False
        return found is None or self.settled.spares(found.modified)

    async def is_gone(self, digest: Digest) -> bool:
        """Whether the blob does not exist. A damaged one counts as existing."""
        try:
            return await self.info(layout.blob_data(digest)) is None
        except Damaged:
            return False

    async def is_whole(self, digest: Digest) -> bool:
        """Whether the blob exists and was not found damaged. Asks again, because a push may have brought it meanwhile."""
        if key(digest) in self.corrupt:
            return False
        try:
            return await self.info(layout.blob_data(digest)) is not None
        except Damaged:
            return False

    async def link(self, path: str) -> bytes | None:
        """The content of a link without surrounding whitespace; None if it does not exist."""
        content = await self.tree.read(path)
        return None if content is None else content.strip()

    async def manifest(self, name: Name, digest: Digest) -> Digest | None:
        """The canonical digest of a manifest that the repository may serve; None if it has no link that leads to one."""
        content = await self.tree.read(layout.revision_link(name, digest))
        if content is None:
            return None
        return leads_to(digest, content)

    async def fault(self, digest: Digest) -> str:
        """What is wrong with the bytes of a blob, all of which are read; empty if nothing is. Raises PathNotFound for a
        missing blob, and Unreadable."""
        hashes = Hashes()
        try:
            reader = await self.driver.open(layout.blob_data(digest))
        except Damaged as error:
            return error.reason or "damaged"
        try:
            await read_through(
                reader, 0, reader.size, hashes, lambda size: self.report.watch.advance(0, size)
            )
        except DriverError as error:
            raise Unreadable(error) from None
        finally:
            reader.close()
        found = hashes.digests()[CANONICAL]
        return "" if found == digest else "empty" if not hashes.size else f"its bytes are those of {found}"


class Unreadable(Exception):
    """A file could not be read to its end."""

    def __init__(self, reason: DriverError) -> None:
        self.reason = reason
        super().__init__(str(reason))
