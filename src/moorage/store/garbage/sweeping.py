"""Removes what a collection found, in the reverse order of writing, so that an interruption leaves no dangling names: tags,
their history, referrers, manifests, layer links, repositories, and the bytes last.

What cannot be removed, such as an object under a lock or a folder of another user, stays, and so does what it leads to. All else
goes: otherwise every collection would end at the same place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.patience import Patience
from moorage.store.removal import discard

log = logging.getLogger(__name__)

ABREAST: Final = 16
"""Folders in which things are removed at the same time: most of the time is spent waiting for the disk."""

Found = TypeVar("Found")


@dataclass
class Garbage:
    """Everything to remove. Paths are those of folders, which are removed with their contents."""

    tags: list[tuple[Name, Tag]] = field(default_factory=list)
    history: list[tuple[Name, str]] = field(default_factory=list)
    referrers: list[tuple[Name, str]] = field(default_factory=list)
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


class Sweep:
    """Removes garbage, and takes from `garbage` what stays. `report` gets a line for each tag, manifest, repository and blob that
    is gone. The steps are to be called in order: `names`, `links`, `content`. Each raises DriverError if many removals in a row fail,
    the last one also if all have; a later collection finds what is left."""

    def __init__(self, driver: Driver, garbage: Garbage, report: Callable[[str], None]) -> None:
        self._driver = driver
        self._garbage = garbage
        self._report = report
        self._patience = Patience()
        self._first: DriverError | None = None
        self._worked = False
        self._stuck: set[Name] = set()
        self.stayed: list[str] = []
        """Paths that could not be removed."""

    async def names(self) -> set[Name]:
        """Remove tags, their history, referrers and manifests. Returns the repositories in which something stayed."""
        found = self._garbage
        tags = {layout.tag(*one): one for one in found.tags}
        found.tags, left = await self._remove(tags, line=lambda one: f"tag {one[0]}:{one[1]}")
        self._stick(left)
        # A power cut may bring some of these two back. They lead nowhere then, and are ignored.
        for beside, above in ((found.history, ""), (found.referrers, layout.REPOSITORIES)):
            folders = {path: (name, path) for name, path in beside}
            _, kept = await self._remove(folders, above=above, durable=False)
            self._stick(kept)
        await self._manifests()
        return set(self._stuck)

    async def _manifests(self) -> None:
        """A manifest stays if something that was to go before it stays in its repository: only by the manifest is that found
        again."""
        found = self._garbage
        found.aliases = [one for one in found.aliases if one[0] not in self._stuck]
        found.manifests = [one for one in found.manifests if one[0] not in self._stuck]
        manifests = set(found.manifests)
        links = {layout.folder_of(layout.revision_link(*one)): one for one in found.aliases + found.manifests}
        gone, left = await self._remove(
            links, line=lambda one: f"manifest {one[0]}@{one[1]}" if one in manifests else ""
        )
        self._stick(left)
        found.manifests = [one for one in gone if one in manifests]

    async def links(self) -> list[Digest]:
        """Remove links to layers. Returns the layers to which one stayed."""
        links = {layout.folder_of(layout.layer_link(*one)): one for one in self._garbage.layers}
        self._garbage.layers, left = await self._remove(links, above=layout.REPOSITORIES)
        self._stick(left)
        return [digest for _, digest in left]

    async def content(self) -> None:
        """Remove repositories, blobs and unfinished copies."""
        found = self._garbage
        found.repositories = [name for name in found.repositories if name not in self._stuck]
        for name in list(found.repositories):
            if not await self._repository(name):
                found.repositories.remove(name)
        blobs = {layout.folder_of(layout.blob_data(one[0])): one for one in found.blobs}
        found.blobs, _ = await self._remove(
            blobs, line=lambda one: f"blob {one[0]} {one[1]}", above=layout.CANONICAL_BLOBS
        )
        copies = {one[0]: one for one in found.copies}
        found.copies, _ = await self._remove(
            copies, line=lambda one: f"unfinished copy {one[0]} {one[1]}", above=layout.OWN, durable=False
        )
        if self._first is not None and not self._worked:
            raise self._first

    def _stick(self, left: Iterable[tuple[Name, object]]) -> None:
        self._stuck.update(name for name, _ in left)

    async def _remove(
        self,
        folders: Mapping[str, Found],
        *,
        line: Callable[[Found], str] = lambda one: "",
        above: str = "",
        durable: bool = True,
    ) -> tuple[list[Found], list[Found]]:
        """Remove folders, and report the `line` of what each stands for, if it has one. With `above`, parents that become empty are
        removed too, up to that one. Returns what went and what stayed. Raises DriverError once all removals that were begun have
        ended."""
        groups: dict[str, list[str]] = {}
        for path in folders:
            groups.setdefault(layout.folder_of(path), []).append(path)
        parents = list(groups)
        left: set[str] = set()
        for start in range(0, len(parents), ABREAST):
            batch = parents[start : start + ABREAST]
            outcomes = await asyncio.gather(
                *(self._remove_group(parent, groups[parent], above, durable, left) for parent in batch),
                return_exceptions=True,
            )
            for parent, outcome in zip(batch, outcomes, strict=True):
                for path in groups[parent] if outcome is None else ():
                    if path not in left and (told := line(folders[path])):
                        self._report(told)
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome
        gone = [one for path, one in folders.items() if path not in left]
        return gone, [one for path, one in folders.items() if path in left]

    async def _remove_group(
        self, folder: str, paths: list[str], above: str, durable: bool, left: set[str]
    ) -> None:
        """Remove paths of one folder. Making the last removal durable does so for the earlier ones."""
        for path in paths:
            try:
                await discard(self._driver, path, durable=durable and path is paths[-1])
            except DriverError as error:
                left.add(path)
                self._failed(path, error)
            else:
                self._succeeded()
        if above:
            await self._prune(folder, above)

    async def _prune(self, folder: str, above: str) -> None:
        """Remove an empty folder, and those above it that become empty."""
        while folder.startswith(f"{above}/"):
            try:
                if await self._driver.children(folder):
                    return
            except PathNotFound:
                pass
            except DriverError as error:
                return self._failed(folder, error)
            else:
                try:
                    await discard(self._driver, folder, durable=False)
                except DriverError as error:
                    return self._failed(folder, error)
            folder = layout.folder_of(folder)

    async def _repository(self, name: Name) -> bool:
        """Remove its manifests, so that the catalog no longer lists it. Uploads stay, and so do repositories below it. One in which a
        manifest has come since stays, too; on a disk nothing comes, or the operator was warned."""
        if self._driver.distant and await self._driver.is_folder(layout.revisions(name)):
            return False
        for folder in (layout.referrers(name), layout.manifests(name)):
            try:
                await discard(self._driver, folder)
            except DriverError as error:
                self._failed(folder, error)
                return False
            self._succeeded()
        for folder in (layout.layers(name), layout.uploads(name)):
            await self._prune(folder, layout.REPOSITORIES)
        self._report(f"repository {name}")
        return True

    def _succeeded(self) -> None:
        self._patience.worked()
        self._worked = True

    def _failed(self, path: str, error: DriverError) -> None:
        """Raises the error if there were too many in a row."""
        log.error("garbage cannot be removed", extra={"path": path, "reason": str(error)})
        self.stayed.append(path)
        self._first = self._first or error
        self._patience.failed(error)
