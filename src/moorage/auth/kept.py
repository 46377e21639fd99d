"""What watched files said last, for workers that do not know it themselves while one of them is broken."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import weakref
from collections.abc import Iterator


class Kept:
    """Contents of files by their names, in memory that processes share which are forked after it was made.

    It is empty when a server starts, which is how a broken file is an error then. A process that dies while it writes
    takes all of it along: then a worker cannot start, but none lets in whoever was removed."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("kept")
        self._turns = 0
        weakref.finalize(self, os.close, self._memory)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """No other process reads or writes meanwhile: so what is read from a file in it is not older than what is kept of it."""
        # A lock of the process, which goes with it. No process has two threads that read such files.
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
        """Where there is no memory for it, nothing is kept of anything."""
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
        """Each byte of a file is one character."""
        try:
            contents: dict[str, str] = json.loads(
                os.pread(self._memory, os.fstat(self._memory).st_size, 0) or b"{}"
            )
        except ValueError:
            return {}
        return contents
