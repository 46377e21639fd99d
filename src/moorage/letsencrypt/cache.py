"""The folder with keys and certificates, in the layout of Go's `autocert.DirCache`: a file for each name.

Files are written atomically: under a temporary name, synced, renamed. Processes that share the folder, even over NFS, take turns.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from moorage.letsencrypt.errors import CertificateError

log = logging.getLogger(__name__)

KEY = "http.tls.letsencrypt.cachefile"
LOCK = ".lock"
DAMAGED = "+damaged"
_TEMPORARY = ".temporary-"
LONGEST_TURN = 900.0
_POLL_SECONDS = 0.2


class Cache:
    """The folder. All methods raise CertificateError if it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Create the folder if it does not exist, accessible to its owner only."""
        if self.folder.exists() and not self.folder.is_dir():
            raise CertificateError(
                f"{self.folder} is a file ({KEY}): version 2 of the reference kept certificates in one, version 3 in a "
                "folder; name another path, or remove the file"
            )
        with self._translated():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        return self.folder / name

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if it does not exist."""
        with self._translated():
            try:
                return self.path(name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically: readers find either the old content or the new, also after a crash."""
        with self._translated():
            temporary = self.path(_TEMPORARY + secrets.token_hex(8))
            try:
                with open(temporary, "xb", opener=_for_the_owner) as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.path(name))
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            self._sync()

    def remove(self, name: str) -> None:
        with self._translated():
            self.path(name).unlink(missing_ok=True)

    def set_aside(self, name: str) -> None:
        """Rename an unreadable file, to keep it for inspection."""
        with self._translated(), contextlib.suppress(FileNotFoundError):
            os.replace(self.path(name), self.path(name + DAMAGED))
            log.warning("cannot be read, kept aside", extra={"file": str(self.path(name + DAMAGED))})

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the folder's lock, which one process has at a time. Waits at most LONGEST_TURN seconds for the others."""
        with self._translated():
            lock = os.open(self.path(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(lock)
            self._clean()
            yield
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        deadline = time.monotonic() + LONGEST_TURN
        told = False
        while True:
            with self._translated():
                try:
                    return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass
            if not told:
                log.info(
                    "another process asks for a certificate, waiting", extra={"folder": str(self.folder)}
                )
                told = True
            if time.monotonic() > deadline:
                raise CertificateError(
                    f"another process has had {self.path(LOCK)} for {LONGEST_TURN / 60:.0f} minutes; end it"
                )
            time.sleep(_POLL_SECONDS)

    def _clean(self) -> None:
        """Remove temporary files of killed processes. Only the holder of the lock writes, so they are not in use."""
        with self._translated():
            for left in self.folder.glob(f"{_TEMPORARY}*"):
                left.unlink(missing_ok=True)

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CertificateError(f"cannot use {self.folder} ({KEY}): {error.strerror or error}") from error


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
