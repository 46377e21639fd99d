"""How a worker makes way for one that has the new certificate.

On SIGTERM, Granian stops accepting and at the same time drops accepted connections that have not sent a request; with TLS,
that includes every handshake in progress. So the listening socket first leaves the worker's epoll set. SIGTERM follows once
every accepted connection has had time to send its request; then the worker finishes its requests, however long they take.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from typing import Final

from moorage.server.connections import Connections
from moorage.server.signals import RETIRING, drain

_EPOLL: Final = "anon_inode:[eventpoll]"


class Retirement:
    """Retires a worker that accepts connections from the socket `listener`.

    `seconds`: the time within which each accepted connection has either sent a request or been ended.
    """

    def __init__(self, listener: int, connections: Connections, seconds: float) -> None:
        self._listener = listener
        self._connections = connections
        self._seconds = seconds
        self._begun = False

    def await_order(self) -> None:
        """Retire when the launcher sends the signal. Call this in the running event loop."""
        asyncio.get_running_loop().add_signal_handler(RETIRING, self._begin)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        stop_accepting(self._listener)
        self._connections.closing = True
        asyncio.get_running_loop().call_later(self._seconds, drain)


def stop_accepting(listener: int) -> None:
    """Remove the socket from every epoll set of this process, so that it accepts no more connections from it.

    Other processes that have the same socket are not affected.
    """
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{entry}") == _EPOLL:
                # On a duplicate, because the epoll object closes its descriptor.
                with select.epoll.fromfd(os.dup(int(entry))) as waiting:
                    waiting.unregister(listener)
