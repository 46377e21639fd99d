"""Folders whose names are known to survive a power cut.

A file is durable only when every folder above it is. A folder found to exist may have been made a moment ago by
another request that has not synced it yet, so existence proves nothing; this process having synced its parent
once does. That is remembered, so in the steady state a write syncs the folders it changes and no others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, TypeVar

from moorage.drivers.disk import Disk

T = TypeVar("T")

REMEMBERED: Final = 65_536

ATTEMPTS: Final = 10
"""How often a folder that others keep removing is made again."""

Changed: TypeAlias = dict[str, list[str]]
"""Folders that a write changed, each with those of its line that are not known to be durable."""


class Folders:
    """Makes folders and tells which ones must be synced. Worker threads share it without a lock: an entry that is
    lost to a race only costs one more sync."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root
        self._durable: set[str] = set()

    def make(self, folder: str) -> list[str]:
        """Make `folder` and all above it up to the root. Returns those not known to be durable, for `sync`."""
        for _ in range(ATTEMPTS):
            try:
                return self._make(folder)
            except FileNotFoundError:
                # A folder that was durable once has been removed by another process.
                self._durable.clear()
        return self._make(folder)

    def _make(self, folder: str) -> list[str]:
        unsettled: list[str] = []
        while folder not in self._durable and len(folder) >= len(self._root):
            unsettled.append(folder)
            folder = os.path.dirname(folder)
        for missing in reversed(unsettled):
            try:
                self._disk.mkdir(missing, 0o777)
            except FileExistsError:
                pass
        return unsettled

    def within(self, target: str, action: Callable[[], T], changed: Changed | None = None) -> T:
        """Do something in the folder of `target`; if it is not there (another process removes what it finds empty),
        make it and do it again. Folders made so are added to `changed`."""
        folder = os.path.dirname(target)
        for _ in range(ATTEMPTS):
            try:
                return action()
            except FileNotFoundError:
                self.forget(folder)
                made = self.make(folder)
                if changed is not None:
                    changed.setdefault(folder, []).extend(made)
        return action()

    def sync(self, changed: Changed) -> None:
        """Sync the changed folders, and the parents of those not known to be durable, the deepest first. One that is
        gone again was removed after our write, as if that had come later."""
        unsettled = dict.fromkeys(folder for fresh in changed.values() for folder in fresh)
        wanted = {*changed, *(os.path.dirname(folder) for folder in unsettled)}
        for folder in sorted(wanted, key=len, reverse=True):
            try:
                self._disk.sync_folder(folder)
            except FileNotFoundError:
                unsettled.clear()
        self._settle(unsettled)

    def _settle(self, folders: Iterable[str]) -> None:
        """The parents of these folders have been synced."""
        if len(self._durable) > REMEMBERED:
            self._durable.clear()
        self._durable.update(folders)

    def forget(self, folder: str) -> None:
        """The folder is gone, or about to be removed."""
        self._durable.discard(folder)
