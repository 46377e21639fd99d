"""Removes what a collection found, in the reverse order of writing, so that an interruption leaves no dangling names: tags,
their history, referrers, manifests, layer links, repositories, and the bytes last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from moorage.digest import Digest
from moorage.drivers.base import Driver, PathNotFound
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.removal import discard

ABREAST: Final = 16
"""Folders in which things are removed at the same time: most of the time is spent waiting for the disk."""


@dataclass
class Garbage:
    """Everything to remove. Paths are those of folders, which are removed with their contents."""

    tags: list[tuple[Name, Tag]] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    referrers: list[str] = field(default_factory=list)
    manifests: list[tuple[Name, Digest]] = field(default_factory=list)
    aliases: list[tuple[Name, Digest]] = field(default_factory=list)
    """Other digests of the removed manifests."""
    layers: list[tuple[Name, Digest]] = field(default_factory=list)
    repositories: list[Name] = field(default_factory=list)
    """Repositories that are left without a manifest or a tag."""
    blobs: list[tuple[Digest, int]] = field(default_factory=list)
    """With their sizes in bytes."""
    copies: list[tuple[str, int]] = field(default_factory=list)
    """Paths and sizes of blobs that a copy had begun to write when it was killed."""


async def sweep(driver: Driver, garbage: Garbage) -> None:
    """Remove the garbage. Raises DriverError; a later collection finds what is left."""
    await _remove(driver, [layout.tag(name, tag) for name, tag in garbage.tags])
    # A power cut may bring some of these two back. They lead nowhere then, and are ignored.
    await _remove(driver, garbage.history, durable=False)
    await _remove(driver, garbage.referrers, above=layout.REPOSITORIES, durable=False)
    revisions = [layout.revision_link(name, digest) for name, digest in garbage.aliases + garbage.manifests]
    await _remove(driver, _folders(revisions))
    layers = [layout.layer_link(name, digest) for name, digest in garbage.layers]
    await _remove(driver, _folders(layers), above=layout.REPOSITORIES)
    for name in garbage.repositories:
        await _remove_repository(driver, name)
    await _remove(
        driver,
        _folders(layout.blob_data(digest) for digest, _ in garbage.blobs),
        above=layout.CANONICAL_BLOBS,
    )
    await _remove(driver, [path for path, _ in garbage.copies], above=layout.OWN, durable=False)


def _folders(files: Iterable[str]) -> list[str]:
    return [file.rpartition("/")[0] for file in files]


async def _remove(driver: Driver, paths: list[str], *, above: str = "", durable: bool = True) -> None:
    """Remove folders. With `above`, parents that become empty are removed too, up to that one. Raises DriverError once all
    removals that were begun have ended."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(path.rpartition("/")[0], []).append(path)
    folders = list(groups)
    for start in range(0, len(folders), ABREAST):
        batch = folders[start : start + ABREAST]
        outcomes = await asyncio.gather(
            *(_remove_group(driver, folder, groups[folder], above, durable) for folder in batch),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome


async def _remove_group(driver: Driver, folder: str, paths: list[str], above: str, durable: bool) -> None:
    """Remove paths of one folder. Making the last removal durable does so for the earlier ones."""
    for path in paths:
        await discard(driver, path, durable=durable and path is paths[-1])
    if above:
        await _prune(driver, folder, above)


async def _prune(driver: Driver, folder: str, above: str) -> None:
    """Remove an empty folder, and those above it that become empty."""
    while folder.startswith(f"{above}/"):
        try:
            if await driver.children(folder):
                return
        except PathNotFound:
            pass
        else:
            await discard(driver, folder, durable=False)
        folder = folder.rpartition("/")[0]


async def _remove_repository(driver: Driver, name: Name) -> None:
    """Remove its manifests, so that the catalog no longer lists it. Uploads stay, and so do repositories below it."""
    await discard(driver, layout.referrers(name))
    await discard(driver, layout.manifests(name))
    for folder in (layout.layers(name), layout.uploads(name)):
        await _prune(driver, folder, layout.REPOSITORIES)
