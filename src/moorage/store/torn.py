"""The digest that a torn tag named, found in its history. The tag is left torn: a push that has replaced it meanwhile would be undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from moorage.digest import Digest
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.tree import Tree


async def named_last(tree: Tree, name: Name, tag: Tag) -> Digest | None:
    """The newest digest in the tag's history; None without a history. Raises DriverError."""
    digests, _ = await tree.digests(layout.tag_index(name, tag))
    return await newest(name, tag, digests, tree.modified)


async def newest(
    name: Name, tag: Tag, digests: Iterable[Digest], modified: Callable[[str], Awaitable[float | None]]
) -> Digest | None:
    """The newest of `digests`, which the tag's history lists. `modified` tells when the file at a path changed, in seconds since the
    epoch, or None if it does not exist."""
    found: list[tuple[float, Digest]] = []
    for digest in digests:
        changed = await modified(layout.tag_index_link(name, tag, digest))
        if changed is not None:
            found.append((changed, digest))
    return max(found)[1] if found else None
