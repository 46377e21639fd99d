"""Small objects that are read again and again. What is known already is confirmed by the store instead of sent once more.

An answer without a body takes one wait for obstore instead of two. Each reading still asks the store, so it is as fresh as any other.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

import obstore
from obstore.exceptions import BaseError, NotModifiedError
from obstore.store import ObjectStore

from moorage.drivers.base import Obstructed
from moorage.drivers.bounded import Bounded
from moorage.drivers.objectstore.notes import from_metadata

KEPT_BYTES: Final = 8 << 20

LINK_BYTES: Final = 4096
"""A link has some hundred bytes. What is larger was put there by somebody else, and might not fit into the memory."""

_NO_CONDITIONS: Final = re.compile(r"status code: (400|412|501) ")
"""What obstore says of the answers of a store that has no conditional requests. Of 503, for one, it asks again by itself."""


class Noted(NamedTuple):
    """What an object held when it was read."""

    content: bytes
    note: bytes


class Confirming:
    """Reads objects with their notes; remembers at most `limit` bytes. Not thread-safe."""

    def __init__(self, store: ObjectStore, limit: int = KEPT_BYTES) -> None:
        self._store = store
        self._known = Bounded[tuple[str, Noted]](limit)
        self._confirms = True

    async def read(self, key: str, path: str) -> Noted:
        """One call. Where another process has written the same content again, with a note or without one, the older note may be
        returned. Raises Obstructed if something large is in the place of a link, and what obstore raises."""
        known = self._known.get(key)
        if known is None or not self._confirms:
            return await self._fetch(key, path, {})
        entity_tag, noted = known
        try:
            return await self._fetch(key, path, {"if_none_match": entity_tag})
        except NotModifiedError:
            return noted
        except BaseError as error:
            if not _NO_CONDITIONS.search(str(error)):
                raise
        found = await self._fetch(key, path, {})
        # It was the condition then.
        self._confirms = False
        return found

    def forget(self, key: str) -> None:
        self._known.take(key)

    async def _fetch(self, key: str, path: str, condition: obstore.GetOptions) -> Noted:
        result = await obstore.get_async(self._store, key, options=condition)
        if result.meta["size"] > LINK_BYTES:
            raise Obstructed(path, f"has {result.meta['size']} bytes, where a link is expected")
        noted = Noted(bytes(await result.bytes_async()), from_metadata(result.attributes))
        entity_tag = result.meta["e_tag"]
        if entity_tag and names(entity_tag, noted.content):
            self._known.put(key, (entity_tag, noted), len(noted.content) + len(noted.note))
        else:
            self.forget(key)
        return noted


def names(entity_tag: str, content: bytes) -> bool:
    """Whether the entity tag is the MD5 of the content, as S3 and Google make it of most objects. Then it stands for the same
    bytes whoever wrote them; one that a store makes of a size and a time does not, for all links have one size."""
    return entity_tag == f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
