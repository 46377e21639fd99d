"""Tags: names that lead to one manifest each, and can be moved to another."""

from __future__ import annotations

import bisect
import contextlib
import logging
from collections.abc import Collection, Iterable

from moorage.digest import Digest
from moorage.drivers.base import Driver, Obstructed, PathNotFound
from moorage.errors import DigestInvalid, ManifestUnknown, NameUnknown, TagInvalid
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.ahead import ahead_of, answers
from moorage.store.links import parse_link
from moorage.store.listing import digests_in
from moorage.store.torn import newest

log = logging.getLogger(__name__)


class Tags:
    """The tags of one repository."""

    def __init__(self, name: Name, driver: Driver, *, lookups: int = 0) -> None:
        """`lookups`: how many tags to read at a time over a network; 0 for the default."""
        self._name = name
        self._driver = driver
        self._ahead = ahead_of(driver)
        self._lookups = lookups if lookups and driver.distant else self._ahead
        self._torn: set[Tag] = set()

    async def resolve(self, tag: Tag) -> Digest:
        """The digest that the tag names. Raises ManifestUnknown."""
        return (await self.look(tag))[0]

    async def look(self, tag: Tag) -> tuple[Digest, bytes]:
        """Like `resolve`, with the note stored beside the link (see `store.notes`). Raises ManifestUnknown."""
        try:
            content, note = await self._driver.read_noted(layout.tag_link(self._name, tag))
        except PathNotFound:
            raise ManifestUnknown(detail={"tag": tag}) from None
        try:
            return parse_link(content), note
        except DigestInvalid:
            return await self._last(tag), b""

    async def _last(self, tag: Tag) -> Digest:
        """The newest digest in the history of a tag whose link is torn. Raises ManifestUnknown without a history."""
        history = await digests_in(self._driver, layout.tag_index(self._name, tag))
        digest = await newest(self._name, tag, history, self._modified)
        if digest is None:
            raise ManifestUnknown(detail={"tag": tag})
        if tag not in self._torn:
            self._torn.add(tag)
            log.warning(
                "a tag is torn and is answered from its history: push it again, or run `moorage storage check --repair`",
                extra={"repository": self._name, "tag": tag, "digest": digest},
            )
        return digest

    async def _modified(self, path: str) -> float | None:
        try:
            return (await self._driver.stat(path)).modified
        except PathNotFound:
            return None

    async def names(self, after: str = "", limit: int | None = None) -> list[Tag]:
        """Tags after `after`, sorted by code point, at most `limit`. Raises NameUnknown."""
        everything = await self._folders()
        found: list[Tag] = []
        start = bisect.bisect_right(everything, after) if after else 0
        asking = answers(everything[start:], self._current, ahead=self._ahead)
        async with contextlib.aclosing(asking):
            async for _, tag in asking:
                if limit is not None and len(found) >= limit:
                    break
                if tag is not None:
                    found.append(tag)
        return found

    async def _folders(self) -> list[str]:
        """The names that may be tags, sorted. Raises NameUnknown."""
        try:
            return await self._driver.children(layout.tags(self._name))
        except PathNotFound:
            if await self._driver.is_folder(layout.manifests(self._name)):
                return []
            raise NameUnknown(detail={"name": self._name}) from None

    async def _current(self, text: str) -> Tag | None:
        """The tag; None for a folder without a current link, whose tag was never completed or is being removed."""
        try:
            tag = Tag.parse(text)
            await self._driver.stat(layout.tag_link(self._name, tag))
        except (TagInvalid, PathNotFound):
            return None
        except Obstructed:
            # Listed like a torn one: who asks for it is told, and the others are not hidden.
            return tag
        return tag

    async def leading_to(self, digests: Collection[Digest]) -> list[Tag]:
        """The tags that name one of `digests`, which all belong to one manifest."""
        try:
            everything = await self._folders()
        except NameUnknown:
            return []
        asking = answers(everything, self._target, ahead=self._lookups)
        return [Tag(text) async for text, digest in asking if digest in digests]

    async def _target(self, text: str) -> Digest | None:
        """What the folder's tag names; None if it is no tag. Its note is not asked for: nobody looks at it, and a driver that
        remembers what it has read would forget the tags that are pulled."""
        try:
            tag = Tag.parse(text)
            content = await self._driver.read(layout.tag_link(self._name, tag))
        except (TagInvalid, PathNotFound):
            return None
        with contextlib.suppress(DigestInvalid):
            return parse_link(content)
        with contextlib.suppress(ManifestUnknown):
            return await self._last(tag)
        return None

    def links(self, tags: Iterable[Tag], digest: Digest) -> list[tuple[str, bytes]]:
        """The link files that point `tags` to a manifest by the digest that the client used, to be written once the
        manifest is in place. Readers see the old target or the new one."""
        return [(layout.tag_link(self._name, tag), digest.encode()) for tag in tags]

    async def delete_leading_to(self, digests: Collection[Digest], tag: Tag) -> bool:
        """Remove the tag if it names one of `digests`; return whether it did."""

        def leads(content: bytes) -> bool:
            try:
                return parse_link(content) in digests
            except DigestInvalid:
                # Torn: `leading_to` took the digest from its history.
                return True

        folder, link = layout.tag(self._name, tag), layout.tag_link(self._name, tag)
        try:
            return await self._driver.delete_matching(folder, link, leads)
        except PathNotFound:
            return False

    async def delete(self, tag: Tag) -> None:
        """Raises ManifestUnknown."""
        if await self._current(tag) is None:
            raise ManifestUnknown(detail={"tag": tag})
        try:
            await self._driver.delete(layout.tag(self._name, tag))
        except PathNotFound:
            raise ManifestUnknown(detail={"tag": tag}) from None
