"""Which of several processes does what only one of them may do."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from typing import Final

log = logging.getLogger(__name__)

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


def opened(path: str, *, like: str = "") -> int:
    """A descriptor of a file that processes share; it is made if it is not there, for its owner alone. What root makes is given to the
    owner of the file `like`, or of the folder if that is not there, whose server it would shut out otherwise; what was there before
    stays whose it is. Raises OSError."""
    if os.geteuid() != 0:
        return os.open(path, _FLAGS, 0o600)
    # Through one descriptor of the folder: its owner may exchange folders for links at any moment.
    folder = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = os.open(os.path.basename(path), _FLAGS | os.O_EXCL, 0o600, dir_fd=folder)
        # Where root may not give files away, as in some containers, they stay root's.
        with contextlib.suppress(OSError):
            owner = os.fstat(folder)
            with contextlib.suppress(FileNotFoundError):
                owner = os.stat(os.path.basename(like), dir_fd=folder) if like else owner
            os.fchown(fd, owner.st_uid, owner.st_gid)
        return fd
    except FileExistsError:
        return os.open(path, _FLAGS, 0o600)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(folder)


class Leadership:
    """An exclusive lock on a file that all candidates know. It passes on when its holder dies."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    def take(self) -> bool:
        """Whether this process leads, from now on or already. Raises OSError when the file cannot be opened or
        locked."""
        if self._fd >= 0:
            return True
        fd = opened(self._path)
        try:
            led = _is_led(fd, fcntl.LOCK_EX)
        except OSError:
            os.close(fd)
            raise
        if led:
            os.close(fd)
            return False
        self._fd = fd
        return True

    @staticmethod
    def taken(path: str) -> bool:
        """Whether some process leads. A file that cannot be opened or locked says nothing, and is none."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return _is_led(fd, fcntl.LOCK_SH)
            finally:
                os.close(fd)
        except OSError:
            return False

    async def won(self, seconds: float) -> None:
        """Return once this process leads; tries every `seconds`. A file that cannot be opened or locked is logged once."""
        logged = False
        while True:
            try:
                if self.take():
                    return
            except OSError as error:
                if not logged:
                    log.error(
                        "no process can take the lead, its lock cannot be taken",
                        extra={"path": self._path, "reason": error.strerror},
                    )
                logged = True
            await asyncio.sleep(seconds)


def _is_led(fd: int, lock: int) -> bool:
    """Whether another process leads. If none does, the lock is taken. Raises OSError."""
    try:
        fcntl.flock(fd, lock | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        # Shared folders of Windows answer EACCES then.
        return True
    return False
