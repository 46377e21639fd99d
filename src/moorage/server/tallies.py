"""The folder in which workers count for Prometheus. It is in memory if the system has /dev/shm, and is removed with the server."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import Final

from moorage.server.errors import ServerError

PREFIX: Final = "moorage-metrics-"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Tallies:
    """A folder that is locked while the server or one of its workers lives, so that folders of killed servers can be
    recognized."""

    def __init__(self, path: str, lock: int) -> None:
        self.path = path
        self._lock = lock

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def make(places: tuple[str, ...] | None = None) -> Tallies:
    """Make the folder in the first place that works, and remove the folders that killed servers left there.

    Raises ServerError.
    """
    reason = ""
    for place in places or ("/dev/shm", os.environ.get("TMPDIR") or "/tmp"):  # noqa: S108 - its name cannot be guessed
        try:
            _remove_left_over(Path(place))
            return _made(Path(place))
        except OSError as error:
            reason = f"{place}: {error.strerror}"
    raise ServerError(f"cannot count for Prometheus (http.debug.prometheus): {reason}")


def _made(place: Path) -> Tallies:
    """Make the folder under a hidden name and rename it once locked, so that it never appears without its lock."""
    word = secrets.token_hex(8)
    hidden, path = place / f".{PREFIX}{word}", place / f"{PREFIX}{word}"
    hidden.mkdir(mode=0o700)
    lock = os.open(hidden, _FOLDER)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    hidden.rename(path)
    return Tallies(str(path), lock)


def _remove_left_over(place: Path) -> None:
    for path in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(path, _FOLDER)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
