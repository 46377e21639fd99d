"""What a torn tag named: its history tells, for those who must not write, or not yet."""

from __future__ import annotations

from moorage.digest import Digest
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.tree import Tree


async def named_last(tree: Tree, name: Name, tag: Tag) -> Digest | None:
    """The newest of the tag's history; None without one. Raises DriverError."""
    found: list[tuple[float, Digest]] = []
    digests, _ = await tree.digests(layout.tag_index(name, tag))
    for digest in digests:
        modified = await tree.modified(layout.tag_index_link(name, tag, digest))
        if modified is not None:
            found.append((modified, digest))
    return max(found)[1] if found else None
