"""Ends connections without a request in flight.

Where HTTP/2 is spoken, Granian waits without a timeout for the first bytes, which reveal the version, and for streams on a
connection that has none; for TLS handshakes it has a timeout of its own. None of this can be configured, so this module
looks at the worker's sockets from outside.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from typing import Final

from moorage.server.connections import Connections, Peer

LONGEST_SECONDS: Final = 300.0
"""How long a connection without requests may last even if the client keeps it busy with pings or reads the rest of a
response in tiny pieces: what the client has not read yet occupies the worker's memory."""

_LOOK_SECONDS: Final = 2.5
_LOOKS: Final = 4
LATEST: Final = 1.0 + 2 / _LOOKS
"""A connection is ended after at most this multiple of its time: one look discovers it, and a later one finds it overdue."""
_INFO_BYTES: Final = 104
_LAST_DATA_SENT: Final = struct.Struct("@44xI")
"""The field of struct tcp_info with the milliseconds since data was last sent."""


class Reaper:
    """Ends connections accepted at `port` that for `seconds` have had no request in flight and to which nothing was sent.

    Received data does not count: the headers of a request have to be complete within that time.
    """

    def __init__(self, connections: Connections, port: int, seconds: float) -> None:
        self._connections = connections
        self._port = port
        self._seconds = seconds
        self._known: dict[str, tuple[float, Peer | None]] = {}

    def start(self) -> None:
        """Look at the connections now and then, in a daemon thread."""
        threading.Thread(target=self._run, name="idle", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(min(_LOOK_SECONDS, self._seconds / _LOOKS))
            # Looking needs a descriptor. If none is left, Granian frees some by ending handshakes.
            with contextlib.suppress(OSError):
                self.look()

    def look(self) -> int:
        """End what is overdue. Returns the number of connections ended."""
        now, ended = time.monotonic(), 0
        known: dict[str, tuple[float, Peer | None]] = {}
        for descriptor, name in _sockets():
            since, peer = self._known.get(name) or (now, self._accepted(descriptor))
            known[name] = since, peer
            if peer is not None and self._is_over(peer, since, now):
                ended += self._end(descriptor, peer, since, now)
        self._known = known
        self._forget({peer for _, peer in known.values() if peer is not None})
        return ended

    def _is_over(self, peer: Peer, since: float, now: float) -> bool:
        if peer in self._connections.busy:
            return False
        return now - max(since, self._connections.quiet.get(peer, 0.0)) > self._seconds

    def _end(self, descriptor: int, peer: Peer, since: float, now: float) -> int:
        with _duplicate(descriptor) as one:
            # The descriptor may have been reused for another connection.
            if one is None or _peer_of(one, self._port) != peer:
                return 0
            quiet = now - max(since, self._connections.quiet.get(peer, 0.0))
            if quiet < LONGEST_SECONDS and not self._is_silent(one):
                return 0
            if peer in self._connections.busy:
                return 0
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            return 1

    def _is_silent(self, one: socket.socket) -> bool:
        try:
            info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
            unsent = struct.unpack("i", fcntl.ioctl(one, termios.TIOCOUTQ, b"\0" * 4))[0]
        except OSError:
            return True
        (milliseconds,) = _LAST_DATA_SENT.unpack_from(info)
        return bool(milliseconds > self._seconds * 1000 and not unsent)

    def _accepted(self, descriptor: int) -> Peer | None:
        with _duplicate(descriptor) as one:
            return _peer_of(one, self._port) if one is not None else None

    def _forget(self, alive: set[Peer]) -> None:
        quiet = self._connections.quiet
        for peer in [peer for peer in list(quiet) if peer not in alive]:
            quiet.pop(peer, None)


def _sockets() -> Iterator[tuple[int, str]]:
    """Each descriptor of this process that is a socket, with a name that is unique while the socket lives."""
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            name = os.readlink(f"/proc/self/fd/{entry}")
            if name.startswith("socket:"):
                yield int(entry), name


@contextlib.contextmanager
def _duplicate(descriptor: int) -> Iterator[socket.socket | None]:
    """The socket under a duplicate descriptor, which no other code closes; None if the socket is gone."""
    with contextlib.ExitStack() as opened:
        one = None
        # Also if no descriptor is left.
        with contextlib.suppress(OSError):
            own = os.dup(descriptor)
            opened.callback(os.close, own)
            one = socket.socket(fileno=own)
            opened.pop_all()
            opened.enter_context(one)
        yield one


def _peer_of(one: socket.socket, port: int) -> Peer | None:
    """The client at the other end; None for a socket that was not accepted at `port`."""
    try:
        if one.family not in (socket.AF_INET, socket.AF_INET6) or one.getsockname()[1] != port:
            return None
        host, number, *_ = one.getpeername()
    except OSError:
        return None
    return host, str(number)
