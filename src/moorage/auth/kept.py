"""The last good content of watched files, for workers that have not read it themselves when a file is broken."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import weakref
from collections.abc import Iterator


class Kept:
    """Contents of files by name, in memory shared by all processes that are forked after it was made.

    It is empty when a server starts, so a broken file is an error then. If a process dies while it writes, all contents are
    lost: a worker may then fail to start, but none admits a user who was removed."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("kept")
        self._turns = 0
        weakref.finalize(self, os.close, self._memory)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other processes from reading and writing: what is read from a file meanwhile is not older than what is kept."""
        # The lock belongs to the process, and ends with it. No process reads such files in two threads.
        if not self._turns:
            fcntl.lockf(self._memory, fcntl.LOCK_EX)
        self._turns += 1
        try:
            yield
        finally:
            self._turns -= 1
            if not self._turns:
                fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def remember(self, name: str, content: bytes) -> None:
        """Keep the content. When there is not enough memory for it, nothing is kept of any file."""
        with self.turn():
            contents = {**self._contents(), name: content.decode("latin-1")}
            os.ftruncate(self._memory, 0)
            with contextlib.suppress(OSError):
                os.pwrite(self._memory, json.dumps(contents).encode(), 0)

    def recall(self, name: str) -> bytes | None:
        with self.turn():
            content = self._contents().get(name)
        return content.encode("latin-1") if content is not None else None

    def _contents(self) -> dict[str, str]:
        """The contents; each byte of a file is one character."""
        try:
            contents: dict[str, str] = json.loads(
                os.pread(self._memory, os.fstat(self._memory).st_size, 0) or b"{}"
            )
        except ValueError:
            return {}
        return contents
