"""Where lines of logs go: standard streams, and files that may be moved away, fill up and come back.

Lines are written whole, so the workers of a server can share a stream or file. A file that was moved or removed is made anew
within a second, without a signal. Whatever goes wrong, no request fails of it: the lines that were lost are counted, and that
is told as soon as it can be.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import time
from typing import Final, Protocol

from moorage.observe import losses

log = logging.getLogger(__name__)

STDOUT: Final = 1
STDERR: Final = 2
LOOK_SECONDS: Final = 1.0
MODE: Final = 0o640
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
_STREAMS: Final = {"stdout": STDOUT, "stderr": STDERR}


class Lines(Protocol):
    def write(self, line: bytes) -> None:
        """A line with its end, or some. Raises nothing."""


class Output:
    """`name` is `stdout`, `stderr` or the path of a file, at which is looked every `look_seconds`. `lost`: how many lines could
    not be written since the start."""

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
        """May be called in any thread."""
        if self._file and time.monotonic() >= self._look_at:
            self._look()
        # From half a line, where a device was full, the next one is kept apart.
        whole, written = b"\n" + line if self._torn else line, 0
        try:
            while written < len(whole):
                written += os.write(self._fd, whole[written:])
        except OSError as error:
            if written:
                self._torn = not whole[:written].endswith(b"\n")
            self._fail(min(line.count(b"\n"), whole[written:].count(b"\n")), error)
            return
        self._torn = False
        if self._failing:
            self._recover()

    def _fail(self, lines: int, error: OSError) -> None:
        self.lost += lines
        losses.lines.add(lines)
        if not self._failing:
            self._failing = True
            log.error(
                "a log cannot be written", extra={"log": self.name, "reason": error.strerror or str(error)}
            )

    def _recover(self) -> None:
        self._failing = False
        lines, self._told = self.lost - self._told, self.lost
        log.warning(
            "a log can be written again, after lines were lost", extra={"log": self.name, "lines": lines}
        )

    def _look(self) -> None:
        """Whether the file is still at its path. The number of its descriptor stays the same for all threads that write."""
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
    """What is written to an output in one turn of the event loop, at the turn's end: to write each line of many is a third of what
    they cost. Nothing waits for more lines to come. For the thread of the loop."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lines: list[bytes] = []
        self._size = 0

    def write(self, line: bytes) -> None:
        self._size += len(line)
        # A pipe takes no more than this in one piece, and others may write to it.
        if self._size > select.PIPE_BUF:
            self._flush()
            self._size = len(line)
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            self._output.write(b"".join(lines))


def open_file(path: str) -> int:
    """Open at its end, made if need be. Raises OSError, also for a named pipe that nobody reads."""
    fd = os.open(path, _FLAGS | os.O_NONBLOCK, MODE)
    os.set_blocking(fd, True)
    return fd


_open: Final[dict[str, Output]] = {}


def output(name: str) -> Output:
    """The one of this name, opened when it is asked for first: a worker goes on with what its launcher opened, whatever became
    of the folder. Raises OSError."""
    where = name if name in _STREAMS else os.path.abspath(name)
    if where not in _open:
        stream = _STREAMS.get(where)
        _open[where] = Output(where, open_file(where) if stream is None else stream, file=stream is None)
    return _open[where]
