"""A manifest may name thousands of things, and is checked without keeping everybody else waiting."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.filesystem import FilesystemDriver
from moorage.errors import ManifestBlobUnknown
from moorage.manifest import OCI_MANIFEST, parse
from moorage.names import Name
from moorage.store.manifests import CHECKED_AT_ONCE
from tests.store.images import CONFIG, LAYER, descriptor
from tests.store.shelf import Shelf

NAME = Name("a")
REFERENCES = 40 * CHECKED_AT_ONCE


async def test_while_thousands_of_references_are_checked_others_have_their_turns(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path / "data"))
    shelf = Shelf(driver)
    layers = [{**descriptor(b"%d" % number, LAYER), "size": 1} for number in range(REFERENCES)]
    # Each is named again, for which nobody has to look twice.
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"{}", CONFIG),
        "layers": layers * 2,
    }
    manifest = parse(json.dumps(document).encode(), OCI_MANIFEST)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    meanwhile = asyncio.create_task(others())
    try:
        with pytest.raises(ManifestBlobUnknown) as refused:
            await shelf.registry.repository(NAME).manifests.put(manifest, [], [])
    finally:
        meanwhile.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await meanwhile
        await driver.close()
    assert turns > REFERENCES / CHECKED_AT_ONCE
    missing = {Digest.of(b"%d" % number) for number in range(REFERENCES)} | {Digest.of(b"{}")}
    assert set(refused.value.digests) == missing
