"""Outputs whose reader may stop reading: pipes, sockets and terminals. The server does not wait for it.

Lines that the reader does not take are kept, up to `KEPT_BYTES` in each process, and written by a thread once it reads again. What is
beyond that is lost, counted and told of, as with a file on a full disk.

O_NONBLOCK cannot be set on standard streams, for it would apply to all programs that share them. So a socket is asked for each write not
to wait, and anything else is opened once more. What belongs to another user cannot be opened: there the stream is asked before each write
whether it takes as much as PIPE_BUF, and processes of the server ask and write in turns.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import stat
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from moorage.observe import turns
from moorage.observe.files import Output, Telling, nothing

KEPT_BYTES: Final = 1 << 20
RETRY_SECONDS: Final = 0.05
_OWN: Final = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_SLOW: Final = OSError(errno.EAGAIN, "its reader does not keep up")

Write: TypeAlias = Callable[[bytes], int]
"""Writes some of the bytes and returns how many. Raises BlockingIOError instead of waiting, and other errors of the system."""


def may_stall(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)


class Stream(Output):
    """An output that may stall. Processes that are forked later share it, and lines of up to PIPE_BUF bytes are never mixed, longer ones
    neither unless a process is killed while it waits to write the rest of one."""

    def __init__(self, name: str, fd: int, *, file: bool = False) -> None:
        super().__init__(name, fd, file=file)
        self._write_now, close = _without_waiting(fd)
        weakref.finalize(self, close).atexit = False
        self._turn = turns.at(fd)
        self.reset()

    def reset(self) -> None:
        """Begin anew in a process that was just forked: the other one writes what waits."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._torn = False

    def write(self, line: bytes) -> None:
        self._look_if_due()
        with self._lock:
            refused, written = self._keep(line), nothing
            if self._thread is None:
                written = self._flush()
                self._begin_to_wait()
        # Not under the lock: what is told may be written here too.
        refused()
        written()

    def finish(self, deadline: float) -> None:
        """Wait for the reader, but not longer than until `deadline` (time.monotonic). What it has not taken by then is lost."""
        while self._kept and time.monotonic() < deadline:
            time.sleep(RETRY_SECONDS / 5)
        with self._lock:
            dropped = self._drop(_SLOW) if self._kept else nothing
        dropped()

    def _keep(self, line: bytes) -> Telling:
        if self._kept and self._size + len(line) > KEPT_BYTES:
            return self._failed(line.count(b"\n"), _SLOW)
        if self._torn and not self._kept:
            line = b"\n" + line
        self._kept.append(line)
        self._size += len(line)
        return nothing

    def _flush(self) -> Telling:
        """Write what the stream takes now."""
        if not self._turn.take(self):
            return nothing
        try:
            while self._kept:
                piece = self._kept[0]
                written = self._write_now(piece)
                self._size -= written
                self._torn = not piece[:written].endswith(b"\n")
                if written == len(piece):
                    self._kept.popleft()
                else:
                    self._kept[0] = piece[written:]
        except BlockingIOError:
            return nothing
        except OSError as error:
            return self._drop(error)
        finally:
            if not (self._kept and self._torn):
                self._turn.give(self)
        return self._recovered()

    def _drop(self, error: OSError) -> Telling:
        # A line end before the first byte belongs to half a line of before.
        lines = sum(piece.lstrip(b"\n").count(b"\n") for piece in self._kept)
        self._kept.clear()
        self._size = 0
        return self._failed(lines, error)

    def _begin_to_wait(self) -> None:
        if not self._kept:
            return
        thread = threading.Thread(target=self._write_later, name="log", daemon=True)
        # Without room for one more thread, the next line tries again.
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _write_later(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        over = False
        while not over:
            poll.poll()
            with self._lock:
                written = self._flush()
                if over := not self._kept:
                    self._thread = None
            written()
            if not over:
                # It may be another process's turn, or the rest of a line larger than the room for it.
                time.sleep(RETRY_SECONDS)


def _without_waiting(fd: int) -> tuple[Write, Callable[[], None]]:
    """Writes to what is open at `fd`; and what to call in the end."""
    if stat.S_ISSOCK(os.fstat(fd).st_mode):
        one = socket.socket(fileno=os.dup(fd))
        return partial(_send, one), one.close
    if not os.get_blocking(fd):
        return partial(os.write, fd), nothing
    try:
        own = os.open(f"/proc/self/fd/{fd}", _OWN)
    except OSError:
        return partial(_write_if_it_takes, fd), nothing
    return partial(os.write, own), partial(os.close, own)


def _send(one: socket.socket, data: bytes) -> int:
    return one.send(data, socket.MSG_DONTWAIT)


def _write_if_it_takes(fd: int, data: bytes) -> int:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    if not poll.poll(0):
        raise BlockingIOError
    return os.write(fd, data[: select.PIPE_BUF])
