"""Files that are read again when they change. If a change cannot be used, the last good content stays in force and an error is
logged.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from moorage.auth.base import AuthError
from moorage.auth.kept import Kept

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
SETTLED_SECONDS = 1.0
"""A file that was changed so recently may change again without a new time: the clocks of file systems are coarse."""
QUIET_SECONDS = 0.1
"""Who writes a file piece by piece writes the next piece within this time."""
HELD_SECONDS = 5.0
"""A file that never stops changing is not held back for longer."""

T = TypeVar("T")


class _Unfinished(Exception):
    """The file looks as if somebody were writing it."""


class Watched(Generic[T]):
    """The parsed content of a file. `key` is its name in the configuration; `parse` raises ValueError for unusable content.

    `current` checks the times, size and inode of the file, at most once a second: so a file that is replaced by renaming, or by
    changing a symbolic link, is noticed like one that is written to. While its times are young, the bytes are compared too.

    Half of a file may parse as well as all of it. With `whole`, which says whether the content ends as a complete file does, what
    has just been written stays out of force until it is quiet, and what is not whole for a second."""

    def __init__(
        self,
        path: str,
        key: str,
        parse: Callable[[bytes], T],
        kept: Kept | None = None,
        *,
        whole: Callable[[bytes], bool] | None = None,
    ) -> None:
        """`kept`: shares the content in force among the workers of a server. Raises AuthError if the file cannot be used and no
        content is kept, as at the start of a server."""
        self.path = path
        self._key = key
        self._parse = parse
        self._whole = whole
        self._kept = kept or Kept()
        self._name = name_of(path, key)
        self._looked = time.monotonic()
        self._held: float | None = None
        self._owed: bytes | None = None
        self._bytes = b""
        try:
            self._state = _state(path)
            self._young = _is_young(self._state)
            self._content = self._first()
        except (OSError, ValueError) as error:
            before = self._before()
            if before is None:
                raise AuthError(f"{key}: {path}: {_reason(error)}") from None
            self._content = before
            self._tell(error)

    def current(self) -> T:
        now = time.monotonic()
        if now - self._looked >= (LOOK_SECONDS if self._held is None else QUIET_SECONDS):
            if now - self._looked >= HELD_SECONDS:
                # Nobody has asked for so long that this may be another change.
                self._held = None
            self._looked = now
            self._look(_state(self.path))
        return self._content

    def _first(self) -> T:
        """Raises OSError or ValueError."""
        try:
            return self._read(self._state)
        except _Unfinished:
            kept = self._kept.recall(self._name)
            before = self._parsed(kept)
            if kept is not None and before is not None:
                self._held, self._young = self._looked, True
                self._bytes = kept
                return before
        # There is nothing else yet, and the rest is noticed like any change.
        self._held = float("-inf")
        content = self._read(self._state)
        self._held = None
        return content

    def _look(self, state: tuple[int, ...] | None) -> None:
        changed = state != self._state or (self._young and self._differs())
        if changed:
            try:
                self._renew(state)
            except _Unfinished:
                self._held = self._looked if self._held is None else self._held
                return
        elif self._owed is not None:
            self._settle(self._owed)
        self._held = None
        self._state, self._young = state, _is_young(state)

    def _differs(self) -> bool:
        """Whether the file has other bytes than those that were read last."""
        try:
            return _read(self.path) != self._bytes
        except (OSError, ValueError):
            return False

    def _settle(self, owed: bytes) -> None:
        """Keep what was read while another process kept this one from it, unless the file says something else by now."""
        with self._kept.turn() as alone:
            if alone and owed == self._bytes and not self._differs():
                self._kept.remember(self._name, owed)
                self._owed = None

    def _renew(self, state: tuple[int, ...] | None) -> None:
        """Raises _Unfinished."""
        try:
            self._content = self._read(state)
        except (OSError, ValueError) as error:
            # Another worker may have read a good content that this one never looked at.
            before = None if self._owed is not None else self._before()
            self._content = self._content if before is None else before
            self._tell(error)
            return
        log.info("a changed file is in force", extra={"key": self._key, "path": self.path})

    def _read(self, state: tuple[int, ...] | None) -> T:
        """`state`: the file's, from before. Raises OSError, ValueError or _Unfinished."""
        with self._kept.turn() as alone:
            found = _read(self.path)
            if self._is_unfinished(found, state):
                raise _Unfinished
            self._bytes = found
            content = self._parse(found)
            # Beside another process, older content could replace newer.
            self._owed = None if alone else found
            if alone:
                self._kept.remember(self._name, found)
        return content

    def _is_unfinished(self, content: bytes, state: tuple[int, ...] | None) -> bool:
        held = 0.0 if self._held is None else self._looked - self._held
        if self._whole is None or state is None or held >= HELD_SECONDS:
            return False
        if _state(self.path) != state:
            return True
        # The time of the last change of any kind, which no program can set. One in the future is of another clock, and says nothing.
        age = time.time() - state[3] / 1e9
        return 0 <= age < (QUIET_SECONDS if self._whole(content) else SETTLED_SECONDS)

    def _before(self) -> T | None:
        """The content that any worker had in force last, or None."""
        return self._parsed(self._kept.recall(self._name))

    def _parsed(self, kept: bytes | None) -> T | None:
        try:
            return None if kept is None else self._parse(kept)
        except ValueError:
            return None

    def _tell(self, error: Exception) -> None:
        log.error(
            "a changed file cannot be used, what it said before stays in force",
            extra={"key": self._key, "path": self.path, "reason": _reason(error)},
        )


def ends_with_a_line(content: bytes) -> bool:
    """Whether a file of lines is `whole`: an empty one, and one whose last line has no end, may have been cut off."""
    return content.endswith((b"\n", b"\r"))


def name_of(path: str, key: str) -> str:
    """The name under which the content is kept; it includes the key because one file may serve several purposes."""
    return f"{key} {path}"


def _read(path: str) -> bytes:
    if not os.path.isfile(path) and os.path.exists(path):
        # Reading from a pipe would wait for a writer.
        raise ValueError("is no file")
    with open(path, "rb") as file:
        return file.read()


def _state(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_young(state: tuple[int, ...] | None) -> bool:
    return state is not None and time.time() - max(state[2:]) / 1e9 < SETTLED_SECONDS


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
