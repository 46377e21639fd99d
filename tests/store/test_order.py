"""In which order things get their names and lose them: at no moment does a name lead to what is not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name, Tag
from moorage.store import layout
from tests.contracts.disk import Inline, Watched
from tests.store.images import image
from tests.store.shelf import Shelf

A = Name("a")


class Naming(Watched):
    """Lists the names that files were given, and the folders whose names were made durable."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, str]] = []

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if name == "rename":
            self.steps.append(("named", args[1]))

    def sync_folder(self, path: str) -> None:
        super().sync_folder(path)
        self.steps.append(("durable", path))


async def test_what_leads_to_a_manifest_is_named_once_that_is_durable(tmp_path: Path) -> None:
    disk, one = Naming(), image("one")
    shelf = Shelf(Inline(str(tmp_path), disk=disk))
    await shelf.push("a", one, "latest")
    chain = [
        layout.blob_data(one.digest),
        layout.revision_link(A, one.digest),
        layout.tag_index_link(A, Tag("latest"), one.digest),
        layout.tag_link(A, Tag("latest")),
    ]
    content, revision, history, tag = (f"{tmp_path}{path}" for path in chain)
    for first, then in ((content, revision), (content, history), (revision, tag), (history, tag)):
        durable = disk.steps.index(("durable", os.path.dirname(first)), disk.steps.index(("named", first)))
        assert durable < disk.steps.index(("named", then))


class Removing(InMemoryDriver):
    """Lists what is removed, and whether durably."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: list[tuple[str, bool]] = []

    async def delete(self, path: str, *, durable: bool = True) -> None:
        self.removed.append((path, durable))
        await super().delete(path, durable=durable)


async def test_a_collection_removes_what_leads_to_bytes_durably_before_them() -> None:
    driver = Removing()
    shelf = Shelf(driver)
    await shelf.push("a", image("gone"))
    await shelf.push("a", image("kept"), "kept")
    await shelf.collect(delete_untagged=True)
    kinds = {"manifest": layout.revisions(A), "layer": layout.layers(A), "blob": layout.CANONICAL_BLOBS}
    order = [(kind, durable) for path, durable in driver.removed for kind in kinds if kinds[kind] in path]
    assert [kind for kind, _ in order] == sorted((kind for kind, _ in order), key=list(kinds).index)
    assert {kind for kind, durable in order if durable} == set(kinds)
