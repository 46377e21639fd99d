"""Which process of a server holds a connection, seen from outside through /proc."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.wire import Wire
from tests.support.server import Server

LISTEN = "0A"
ESTABLISHED = "01"


def worker_pids(server: Server) -> set[int]:
    """The processes below the parent that hold the listening socket."""
    inodes = {inode for port, _, state, inode in _sockets() if port == server.port and state == LISTEN}
    return {pid for pid in server.pids()[1:] if inodes & _inodes_of(pid)}


def some_worker(server: Server, seconds: float) -> int:
    """Of a server that starts its workers just now, too: the kernel's tables may show none for a moment."""
    seen: set[int] = set()

    def any_is_seen() -> bool:
        seen.update(worker_pids(server))
        return bool(seen)

    eventually(any_is_seen, seconds, "a worker is seen")
    return min(seen)


def holder_of(server: Server, wire: Wire) -> int:
    """The process that accepted this connection; LookupError when none has yet."""
    own_port = wire.socket.getsockname()[1]
    for port, remote_port, _, inode in _sockets():
        if (port, remote_port) == (server.port, own_port):
            for pid in server.pids():
                if inode in _inodes_of(pid):
                    return pid
    raise LookupError(f"no process holds the connection from port {own_port}")


def open_connections(port: int) -> set[int]:
    """The client ports of the connections that the server on `port` still holds open.

    Asked on the server's side: a client that does not read is not told that it was cut off.
    """
    return {
        remote
        for local, remote, state, inode in _sockets()
        if local == port and state == ESTABLISHED and inode != "0"
    }


def eventually(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for `condition`; AssertionError naming `what` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def _sockets() -> list[tuple[int, int, str, str]]:
    """Local port, remote port, state and inode of every TCP socket of the machine.

    The kernel's tables leave some out when they change while they are read, so each is read twice.
    """
    rows = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6") * 2:
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                rows.append((_port(columns[1]), _port(columns[2]), columns[3], columns[9]))
    return rows


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _inodes_of(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                link = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                if link.startswith("socket:["):
                    found.add(link[len("socket:[") : -1])
    return found
