"""Which folders are known to survive a power cut.

A file is durable only when every folder above it is. That a folder exists proves nothing: another request may have made
it a moment ago and not have synced it yet. That this process has synced its parent once does prove it. This is
remembered, so in the steady state a write syncs only the folders that it changes. A folder that was removed and made
again is a different one, so everything remembered is dropped when any process of the server removes folders.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias, TypeVar

from moorage.drivers.disk import Disk

T = TypeVar("T")

REMEMBERED: Final = 65_536

ATTEMPTS: Final = 10
"""How often an operation is repeated on a folder that others keep changing."""

Changed: TypeAlias = dict[str, list[str]]
"""The folders that a write changed, each with those of itself and its ancestors that are not known to be durable."""

Seen: TypeAlias = dict[str, bool]
"""Folders that a write has seen to be there, and whether it has made them itself."""


class Removals(Protocol):
    """Shared by processes that remove folders below one root: `last` returns other bytes after each `tell` by any of them."""

    def last(self) -> bytes: ...

    def tell(self) -> None: ...


class Folders:
    """Makes folders and syncs those not known to be durable. Worker threads share it without a lock: an entry lost to a race
    only costs one more sync."""

    def __init__(self, disk: Disk, root: str, removals: Removals | None, private: str) -> None:
        """`private` is the path of a folder that is made so that only the user and the group of the server may enter it; empty
        for none."""
        self._disk = disk
        self._root = root
        self._private = private
        self._removals = removals
        self._removed = removals.last() if removals else b""
        self._durable: set[str] = set()
        self._there: set[str] = set()

    def make(self, folder: str, seen: Seen | None = None) -> list[str]:
        """Make `folder` and all above it up to the root, but for those that are in `seen`, and add them there. Returns those not
        known to be durable, for `sync`."""
        self._heed()
        return self._made(folder, {} if seen is None else seen, self._durable)

    def _made(self, folder: str, seen: Seen, known: set[str]) -> list[str]:
        for _ in range(ATTEMPTS):
            try:
                return self._make(folder, seen, known)
            except FileNotFoundError:
                # Another process has removed a folder that is remembered, or that was seen.
                self._forget_all()
                seen.clear()
        return self._make(folder, seen, known)

    def known(self, folder: str, seen: Seen) -> None:
        """Like `make`, for those who do not mind whether the folder is durable."""
        self._heed()
        if folder in self._there:
            return
        if len(self._there) >= REMEMBERED:
            self._there.clear()
        self._there.update(self._made(folder, seen, self._there))

    def _make(self, folder: str, seen: Seen, known: set[str]) -> list[str]:
        unsettled = self._above(folder, known)
        for missing in reversed(unsettled):
            if missing in seen:
                continue
            try:
                self._disk.mkdir(missing, 0o770 if missing == self._private else 0o777)
                seen[missing] = True
            except FileExistsError:
                seen[missing] = False
        return unsettled

    def within(self, target: str, action: Callable[[], T], changed: Changed | None = None) -> T:
        """Run `action`, which needs the folder of `target`. If the folder is missing, make it and try again: another process
        may remove folders that it finds empty. Folders made here are added to `changed`."""
        folder = os.path.dirname(target)
        for _ in range(ATTEMPTS):
            try:
                return action()
            except FileNotFoundError:
                self.forget(folder)
                if changed is None:
                    self._there.update(self._made(folder, {}, self._there))
                else:
                    changed.setdefault(folder, []).extend(self.make(folder))
        return action()

    def sync(self, changed: Changed, later: Iterable[Changed] = ()) -> None:
        """Sync the changed folders, and the parents of those not known to be durable, deepest first. A folder that is gone
        was removed after the write, so it needs no sync. What became durable is struck from the changes that are synced
        `later`: their folders have been made before."""
        self._heed()
        unsettled = dict.fromkeys(folder for fresh in changed.values() for folder in fresh)
        unsettled |= dict.fromkeys(above for folder in changed for above in self._unsettled(folder))
        wanted = {*changed, *(os.path.dirname(folder) for folder in unsettled)}
        for folder in sorted(wanted, key=len, reverse=True):
            try:
                self._disk.sync_folder(folder)
            except FileNotFoundError:
                wanted.clear()
        self._settle(folder for folder in unsettled if os.path.dirname(folder) in wanted)
        for fresh in (fresh for waiting in later for fresh in waiting.values()):
            self._settle(folder for folder in fresh if os.path.dirname(folder) in wanted)
            fresh[:] = [folder for folder in fresh if os.path.dirname(folder) not in wanted]

    def _unsettled(self, folder: str) -> list[str]:
        """Which of the folder and its ancestors are not known to be durable, deepest first."""
        return self._above(folder, self._durable)

    def _above(self, folder: str, known: set[str]) -> list[str]:
        found: list[str] = []
        while folder not in known and len(folder) >= len(self._root):
            found.append(folder)
            folder = os.path.dirname(folder)
        return found

    def _heed(self) -> None:
        """Forget everything if any process has removed folders: a durable one may be a new folder of the same name now."""
        if self._removals is not None and (last := self._removals.last()) != self._removed:
            self._removed = last
            self._forget_all()

    def removed(self) -> None:
        """Notify all processes that folders were removed which they may remember. Not called for the folders of uploads: they
        are removed often, and no process remembers them."""
        if self._removals is not None:
            self._removals.tell()

    def _settle(self, folders: Iterable[str]) -> None:
        """Remember folders as durable, once their parents have been synced."""
        if len(self._durable) > REMEMBERED:
            self._durable.clear()
        settled = list(folders)
        self._durable.update(settled)
        self._there.update(settled)

    def forget(self, folder: str) -> None:
        """Forget a folder that is gone or about to be removed."""
        self._durable.discard(folder)
        self._there.discard(folder)

    def _forget_all(self) -> None:
        self._durable.clear()
        self._there.clear()
