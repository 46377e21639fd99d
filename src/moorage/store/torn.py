"""The digest that a torn tag named, found in its history, for code that must not repair the tag, or not yet."""

from __future__ import annotations

from moorage.digest import Digest
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.tree import Tree


async def named_last(tree: Tree, name: Name, tag: Tag) -> Digest | None:
    """The newest digest in the tag's history; None without a history. Raises DriverError."""
    found: list[tuple[float, Digest]] = []
    digests, _ = await tree.digests(layout.tag_index(name, tag))
    for digest in digests:
        modified = await tree.modified(layout.tag_index_link(name, tag, digest))
        if modified is not None:
            found.append((modified, digest))
    return max(found)[1] if found else None
