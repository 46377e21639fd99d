"""Which of several processes does what only one of them may do."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os

log = logging.getLogger(__name__)


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
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            # Another leads. Shared folders of Windows answer EACCES then.
            os.close(fd)
            return False
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        return True

    @staticmethod
    def taken(path: str) -> bool:
        """Whether some process leads. A file that cannot be opened or locked says nothing, and is none."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        except OSError:
            return False
        finally:
            os.close(fd)
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
