"""Reads a repository together with manifests that only a tag leads to.

Damage, or a push of a tag at the moment its manifest is deleted, can leave a tag whose manifest has no revision link.
Nothing shows that such a manifest was meant to go, so as long as its bytes exist it counts as linked.
"""

from __future__ import annotations

from moorage.names import Tag
from moorage.store import layout
from moorage.store.contents import Key, Reading, References, digest_of, is_canonical


class TaggedReading(Reading):
    async def tags(self) -> None:
        """Read the tags, then the manifests that they name without a revision link. To be called after `manifests`."""
        await super().tags()
        contents = self.contents
        named = {found: tag for tag, targets in contents.tags.items() for found in targets}
        lost = [found for found in named if contents.aliases.get(found, found) not in contents.manifests]
        async for found, references in self._tree.ask(filter(is_canonical, lost), self._unlinked):
            if references is not None:
                contents.manifests[found] = references
                self._warn("the manifest is kept", named[found])
        for found in lost:
            # Only the link names the canonical digest under which the bytes lie.
            if not is_canonical(found):
                contents.whole = False
                self._warn("all of its repository is kept", named[found])

    async def _unlinked(self, found: Key) -> References | None:
        """The references of the manifest; None if its bytes are not there."""
        digest = digest_of(found)
        if await self._tree.read(layout.blob_data(digest)) is None:
            return None
        return await self._references(digest)

    def _warn(self, outcome: str, tag: Tag) -> None:
        self._tree.warn(
            f"a tag names a manifest that has no link, so {outcome}: push it again, or delete the tag",
            layout.tag_link(self._name, tag),
            repository=self._name,
        )
