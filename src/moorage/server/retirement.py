"""How a worker gives up its place to another that has the new certificate.

Granian stops taking connections and drops those it has taken but not heard of, both at once; with TLS that is every
handshake under way. So first the listening socket is taken out of what the worker waits for, and only when all it had
accepted must have been heard of, it is told to stop: then it finishes its requests, however long they take.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
from typing import Final

from moorage.server.connections import Connections
from moorage.server.signals import RETIRING, STOPPING

_EPOLL: Final = "anon_inode:[eventpoll]"


class Retirement:
    """Of a worker whose connections come from the listening socket `listener`, and which has heard of all that it
    accepted, or has ended them, after `seconds`."""

    def __init__(self, listener: int, connections: Connections, seconds: float) -> None:
        self._listener = listener
        self._connections = connections
        self._seconds = seconds
        self._begun = False

    def await_order(self) -> None:
        """Retire when the launcher says so; for a running event loop."""
        asyncio.get_running_loop().add_signal_handler(RETIRING, self._begin)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        stop_accepting(self._listener)
        self._connections.closing = True
        asyncio.get_running_loop().call_later(self._seconds, self._stop)

    def _stop(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        asyncio.get_running_loop().call_later(1.0, self._heed_no_more)

    def _heed_no_more(self) -> None:
        """It stops already. Granian takes two signals to do so, and hangs on a third."""
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, lambda: None)


def stop_accepting(listener: int) -> None:
    """Whoever waits in this process for connections at this socket waits in vain from now on. Other processes, which
    have the same socket, do not notice."""
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{entry}") == _EPOLL:
                # On a copy, for this closes what it was made of.
                with select.epoll.fromfd(os.dup(int(entry))) as waiting:
                    waiting.unregister(listener)
