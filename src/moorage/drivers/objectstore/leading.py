"""Azure, where version 2 of the reference implementation put a slash before the names of its blobs: `/docker/registry/v2/…`.

obstore can neither ask for such names nor write them. It lists them without the slash, which is how they are found out.
"""

from __future__ import annotations

from typing import Final

import obstore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.again import asked
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.listing import INVALID
from moorage.drivers.objectstore.options import CloudStore

TREE: Final = "/docker/registry/v2"


class AzureDriver(ObjectStoreDriver):
    async def is_folder(self, path: str) -> bool:
        """One call, and one more where a server finds no tree at its start. Raises DriverError if there is one whose names begin
        with a slash: it would be taken for an empty registry."""
        if await super().is_folder(path):
            return True
        if path == TREE and await _listed_only(self._store, f"{self.key(TREE)}/"):
            reason = "the container has it with a slash in front, as Docker Registry 2 named it: copy its blobs as docs/storage-drivers/azure.md tells"
            raise DriverError(path, reason)
        return False


async def _listed_only(store: CloudStore, prefix: str) -> bool:
    """Whether the first page of the whole container has names that begin with the prefix. Few names sort before a slash."""

    async def first() -> bool:
        async for page in obstore.list(store, chunk_size=1000):
            return any(one["path"].startswith(prefix) for one in page)
        return False

    try:
        return await asked("/", first)
    except DriverError as error:
        if INVALID in str(error):
            return False
        raise
