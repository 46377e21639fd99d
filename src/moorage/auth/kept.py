"""The last good content of watched files, for workers that have not read it themselves when a file is broken."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import time
import weakref
from collections.abc import Iterator
from typing import Final

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 2.0
"""How long a turn waits for other processes, and with it all requests of this one. They need some milliseconds, far more only where
the machine is overloaded, they were stopped in that moment, or their disk hangs."""
PAUSE_SECONDS: Final = 0.002


class Kept:
    """Contents of files by name, in memory shared by all processes that are forked after it was made.

    It is empty when a server starts, so a broken file is an error then. If a process dies while it writes, all contents are
    lost: a worker may then fail to start, but none admits a user who was removed."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("kept")
        self._turns = 0
        self._alone = True
        self._patience = PATIENCE_SECONDS
        weakref.finalize(self, os.close, self._memory)

    @contextlib.contextmanager
    def turn(self) -> Iterator[bool]:
        """Keep other processes from reading and writing: what is read from a file meanwhile is not older than what is kept. Yields
        False if they cannot be kept from it, because one of them has had its turn for too long."""
        # The lock belongs to the process, and ends with it. No process reads such files in two threads.
        if not self._turns:
            self._alone = self._locked()
        self._turns += 1
        try:
            yield self._alone
        finally:
            self._turns -= 1
            if not self._turns and self._alone:
                fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def remember(self, name: str, content: bytes) -> None:
        """Keep the content. When there is not enough memory for it, nothing is kept of any file; nor is anything changed
        beside another process that has its turn."""
        with self.turn() as alone:
            if not alone:
                return
            contents = {**self._contents(), name: content.decode("latin-1")}
            os.ftruncate(self._memory, 0)
            with contextlib.suppress(OSError):
                os.pwrite(self._memory, json.dumps(contents).encode(), 0)

    def recall(self, name: str) -> bytes | None:
        """The content; None if nothing is kept, or if another process is in the middle of writing and does not go on."""
        with self.turn():
            content = self._contents().get(name)
        return content.encode("latin-1") if content is not None else None

    def _locked(self) -> bool:
        """Whether the lock was taken within the patience there is: after a vain wait none, until it is taken again."""
        end = time.monotonic() + self._patience
        while True:
            try:
                fcntl.lockf(self._memory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < end:
                    time.sleep(PAUSE_SECONDS)
                    continue
                if self._patience:
                    self._patience = 0.0
                    log.warning("a worker that reads a changed file does not go on: was it stopped?")
                return False
            self._patience = PATIENCE_SECONDS
            return True

    def _contents(self) -> dict[str, str]:
        """The contents; each byte of a file is one character."""
        try:
            contents: dict[str, str] = json.loads(
                os.pread(self._memory, os.fstat(self._memory).st_size, 0) or b"{}"
            )
        except ValueError:
            return {}
        return contents
