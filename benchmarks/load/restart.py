"""A load may have its server restarted: it asks for it on a socket, and goes on when it hears that it is done.

The load does not do it itself, for only the parent of a process can wait for its end. It is one process before
and after, so that one clock has the whole upload, with the restart in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from msgspec import structs

from benchmarks.load.launch import GRACE_SECONDS, Launcher, LoadFailed
from benchmarks.load.specs import Blobs, Outcome, Restart

ASKED, DONE = b"?", b"!"


class Operator:
    """The load's end."""

    def __init__(self, asked: Restart) -> None:
        self.after = asked.after
        self._socket = socket.socket(fileno=asked.channel)
        self._socket.setblocking(False)

    async def restart(self) -> None:
        """Returns when the server answers again; raises ConnectionError when there is nobody to do it."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, ASKED)
        if await loop.sock_recv(self._socket, len(DONE)) != DONE:
            raise ConnectionError("nobody is there to restart the server")


def run(launcher: Launcher, spec: Blobs, after: int, restart: Callable[[], None]) -> Outcome:
    """Run uploads in chunks by one client, with a restart once `after` bytes of each were taken.

    Raises LoadFailed, and what `restart` raises; a server that does not go on is an error of the outcome.
    """
    ours, theirs = socket.socketpair()
    spec = structs.replace(spec, restart=Restart(after, theirs.fileno()))
    with ours, theirs, launcher.child(spec, inherits=(theirs.fileno(),)) as running:
        theirs.close()  # The child's copy is the last one then, and its end is seen here.
        ours.settimeout(running.seconds + GRACE_SECONDS)
        _answer(ours, restart)
        return running.result()


def _answer(asking: socket.socket, restart: Callable[[], None]) -> None:
    """Restart as often as the load asks for it, until it ends."""
    try:
        # Why a load ended in the middle is told by its result.
        with contextlib.suppress(ConnectionError):
            while asking.recv(len(ASKED)):
                restart()
                asking.sendall(DONE)
    except TimeoutError as error:
        raise LoadFailed(f"neither an end nor a restart for {asking.gettimeout():.0f} s") from error
