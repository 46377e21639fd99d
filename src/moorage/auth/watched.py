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

T = TypeVar("T")


class Watched(Generic[T]):
    """The parsed content of a file. `key` is its name in the configuration; `parse` raises ValueError for unusable content.

    `current` checks the times, size and inode of the file, at most once a second: so a file that is replaced by renaming, or by
    changing a symbolic link, is noticed like one that is written to. While its times are young, the bytes are compared too."""

    def __init__(self, path: str, key: str, parse: Callable[[bytes], T], kept: Kept | None = None) -> None:
        """`kept`: shares the content in force among the workers of a server. Raises AuthError if the file cannot be used and no
        content is kept, as at the start of a server."""
        self.path = path
        self._key = key
        self._parse = parse
        self._kept = kept or Kept()
        self._name = name_of(path, key)
        self._looked = time.monotonic()
        self._bytes = b""
        try:
            self._state = _state(path)
            self._young = _is_young(self._state)
            self._content = self._read()
        except (OSError, ValueError) as error:
            before = self._before()
            if before is None:
                raise AuthError(f"{key}: {path}: {_reason(error)}") from None
            self._content = before
            self._tell(error)

    def current(self) -> T:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            known, self._state = self._state, _state(self.path)
            young, self._young = self._young, _is_young(self._state)
            if self._state != known or (young and self._differs()):
                self._renew()
        return self._content

    def _differs(self) -> bool:
        """Whether the file has other bytes than those that were read last."""
        try:
            return _read(self.path) != self._bytes
        except (OSError, ValueError):
            return False

    def _renew(self) -> None:
        try:
            self._content = self._read()
        except (OSError, ValueError) as error:
            # Another worker may have read a good content that this one never looked at.
            before = self._before()
            self._content = self._content if before is None else before
            self._tell(error)
            return
        log.info("a changed file is in force", extra={"key": self._key, "path": self.path})

    def _read(self) -> T:
        """Raises OSError or ValueError."""
        with self._kept.turn():
            self._bytes = _read(self.path)
            content = self._parse(self._bytes)
            self._kept.remember(self._name, self._bytes)
        return content

    def _before(self) -> T | None:
        """The content that any worker had in force last, or None."""
        kept = self._kept.recall(self._name)
        try:
            return None if kept is None else self._parse(kept)
        except ValueError:
            return None

    def _tell(self, error: Exception) -> None:
        log.error(
            "a changed file cannot be used, what it said before stays in force",
            extra={"key": self._key, "path": self.path, "reason": _reason(error)},
        )


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
