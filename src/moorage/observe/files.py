"""Where log lines go: files that may be moved away, fill up and come back; `streams` adds what else a standard stream may be.

Lines are written whole, so the workers of a server can share a stream or file. A file that was moved or removed is created again
within a second, without a signal. No request fails because of a log: lost lines are counted, and the loss is logged as soon as
possible.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeAlias

from moorage.observe import losses

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.005
MODE: Final = 0o640
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY

Telling: TypeAlias = Callable[[], None]
"""Tells the operator of what happened to an output, or has nothing to tell."""


def nothing() -> None:
    return None


class Output:
    """A file that lines are written to, or whatever else a standard stream leads to: writing waits for its reader.

    `name` is `stdout`, `stderr` or the path of a file, which is checked every `look_seconds`. `lost`: the number of lines that could
    not be written since the start.
    """

    def __init__(self, name: str, fd: int, *, file: bool = False, look_seconds: float = LOOK_SECONDS) -> None:
        self.name = name
        self.lost = 0
        self._fd = fd
        self._file = file
        self._look_seconds = look_seconds
        self._look_at = time.monotonic() + look_seconds
        self._failing = self._stuck = self._torn = False
        self._told = 0

    def write(self, line: bytes) -> None:
        """Write one or more lines. May be called from any thread."""
        self._look_if_due()
        # If the device was full in the middle of a line, the next one begins on a line of its own.
        whole, written = b"\n" + line if self._torn else line, 0
        try:
            while written < len(whole):
                written += os.write(self._fd, whole[written:])
        except OSError as error:
            if written:
                self._torn = not whole[:written].endswith(b"\n")
            self._failed(min(line.count(b"\n"), whole[written:].count(b"\n")), error)()
            return
        self._torn = False
        if self._failing:
            self._recovered()()

    def finish(self, deadline: float) -> None:
        """Wait until all is written, until `deadline` (time.monotonic)."""

    def reset(self) -> None:
        """Begin anew in a process that was just forked."""

    def _failed(self, lines: int, error: OSError) -> Telling:
        self.lost += lines
        losses.lines.add(lines)
        if self._failing:
            return nothing
        self._failing = True
        reason = error.strerror or str(error)
        return partial(log.error, "a log cannot be written", extra={"log": self.name, "reason": reason})

    def _recovered(self) -> Telling:
        if not self._failing:
            return nothing
        self._failing = False
        lines, self._told = self.lost - self._told, self.lost
        extra = {"log": self.name, "lines": lines}
        return partial(log.warning, "a log can be written again, after lines were lost", extra=extra)

    def _look_if_due(self) -> None:
        if self._file and time.monotonic() >= self._look_at:
            self._look()

    def _look(self) -> None:
        """Open the file again if it is not at its path any more. Its descriptor number stays the same for writing threads."""
        self._look_at = time.monotonic() + self._look_seconds
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(self.name), os.fstat(self._fd)):
                return
        try:
            fd = open_file(self.name)
        except OSError as error:
            if not self._stuck:
                log.error(
                    "a log was moved and cannot be made anew, its lines go on where it was moved to",
                    extra={"log": self.name, "reason": error.strerror},
                )
            self._stuck = True
            return
        os.dup2(fd, self._fd, inheritable=False)
        os.close(fd)
        self._stuck = False


class Together:
    """Formats and writes lines in batches, which costs half as much as one by one.

    The first line is written at the end of its turn of the event loop; lines that arrive within `PAUSE_SECONDS` of a write wait for
    the end of that time. Use it in the thread of the loop only.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lines: list[Callable[[], bytes]] = []
        self._pause = PAUSE_SECONDS
        self._next = 0.0

    def write(self, line: Callable[[], bytes]) -> None:
        """Write the line that `line` returns. `line` must not raise."""
        if not self._lines:
            asyncio.get_running_loop().call_at(self._next, self._due)
        self._lines.append(line)

    def close(self) -> None:
        """Write what waits. Later lines wait only for the end of their turn."""
        self._pause = self._next = 0.0
        self._write()

    def _due(self) -> None:
        self._next = asyncio.get_running_loop().time() + self._pause
        self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        for piece in _pieces([make() for make in lines]):
            self._output.write(piece)


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, joined into pieces that a pipe takes atomically, as other processes may write to it too."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) > select.PIPE_BUF and piece:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield b"".join(piece)


def open_file(path: str) -> int:
    """Open a file for appending, and create it if necessary. Raises OSError, also for a named pipe without a reader. Writing to a named
    pipe does not wait."""
    fd = os.open(path, _FLAGS | os.O_NONBLOCK, MODE)
    os.set_blocking(fd, not stat.S_ISFIFO(os.fstat(fd).st_mode))
    return fd
