"""Folders whose names are known to survive a power cut.

A file is durable only when every folder above it is. A folder found to exist may have been made a moment ago by
another request that has not synced it yet, so existence proves nothing; this process having synced its parent
once does. That is remembered, so in the steady state a write syncs the folders it changes and no others. A folder that
was removed and made anew is another one, so all that is remembered goes when any process of the server removes some.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias, TypeVar

from moorage.drivers.disk import Disk

T = TypeVar("T")

REMEMBERED: Final = 65_536

ATTEMPTS: Final = 10
"""How often a folder that others keep removing is made again."""

Changed: TypeAlias = dict[str, list[str]]
"""Folders that a write changed, each with those of its line that are not known to be durable."""


class Removals(Protocol):
    """Shared by processes that remove folders below one root: other bytes after each removal by any of them."""

    def last(self) -> bytes: ...

    def tell(self) -> None: ...


class Folders:
    """Makes folders and tells which ones must be synced. Worker threads share it without a lock: an entry that is
    lost to a race only costs one more sync."""

    def __init__(self, disk: Disk, root: str, removals: Removals | None = None) -> None:
        self._disk = disk
        self._root = root
        self._removals = removals
        self._removed = removals.last() if removals else b""
        self._durable: set[str] = set()

    def make(self, folder: str) -> list[str]:
        """Make `folder` and all above it up to the root. Returns those not known to be durable, for `sync`."""
        self._heed()
        for _ in range(ATTEMPTS):
            try:
                return self._make(folder)
            except FileNotFoundError:
                # A folder that was durable once has been removed by another process.
                self._durable.clear()
        return self._make(folder)

    def _make(self, folder: str) -> list[str]:
        unsettled = self._unsettled(folder)
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
        self._heed()
        unsettled = dict.fromkeys(folder for fresh in changed.values() for folder in fresh)
        unsettled |= dict.fromkeys(above for folder in changed for above in self._unsettled(folder))
        wanted = {*changed, *(os.path.dirname(folder) for folder in unsettled)}
        for folder in sorted(wanted, key=len, reverse=True):
            try:
                self._disk.sync_folder(folder)
            except FileNotFoundError:
                unsettled.clear()
        self._settle(unsettled)

    def _unsettled(self, folder: str) -> list[str]:
        """It and those above it that are not known to be durable, the deepest first."""
        found: list[str] = []
        while folder not in self._durable and len(folder) >= len(self._root):
            found.append(folder)
            folder = os.path.dirname(folder)
        return found

    def _heed(self) -> None:
        """Others removed something: what was durable may be another folder of the same name by now."""
        if self._removals is not None and (last := self._removals.last()) != self._removed:
            self._removed = last
            self._durable.clear()

    def removed(self) -> None:
        """Folders were removed that others may remember. Uploads end too often for that, and nobody remembers theirs."""
        if self._removals is not None:
            self._removals.tell()

    def _settle(self, folders: Iterable[str]) -> None:
        """The parents of these folders have been synced."""
        if len(self._durable) > REMEMBERED:
            self._durable.clear()
        self._durable.update(folders)

    def forget(self, folder: str) -> None:
        """The folder is gone, or about to be removed."""
        self._durable.discard(folder)
