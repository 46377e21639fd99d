"""What watched files said last, for workers that are started while one of them is broken."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import weakref
from collections.abc import Iterator


class Kept:
    """Contents of files by their paths, in memory that processes share which are forked after it was made.

    It is empty when a server starts, which is how a broken file is an error then. A process that dies while it writes
    takes all of it along: that is a worker which cannot start, not one that lets in whoever was removed."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("kept")
        weakref.finalize(self, os.close, self._memory)

    def remember(self, path: str, content: bytes) -> None:
        """Where there is no memory for it, nothing is kept of it."""
        with self._alone():
            contents = {**self._contents(), path: content.decode("latin-1")}
            os.ftruncate(self._memory, 0)
            with contextlib.suppress(OSError):
                os.pwrite(self._memory, json.dumps(contents).encode(), 0)

    def recall(self, path: str) -> bytes | None:
        with self._alone():
            content = self._contents().get(path)
        return content.encode("latin-1") if content is not None else None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        # Of a process, as no process has two threads that read such files. It goes with the process.
        fcntl.lockf(self._memory, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def _contents(self) -> dict[str, str]:
        """Each byte of a file is one character."""
        try:
            contents: dict[str, str] = json.loads(
                os.pread(self._memory, os.fstat(self._memory).st_size, 0) or b"{}"
            )
        except ValueError:
            return {}
        return contents
