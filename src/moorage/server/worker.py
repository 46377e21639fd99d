"""What a worker does besides serving requests."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.types import ASGIApp

from moorage.server import cutting, orphans, signals
from moorage.server.connections import Connections
from moorage.server.idle import LATEST, Reaper
from moorage.server.retirement import Retirement
from moorage.server.scheduling import wake_without_preempting

Build: TypeAlias = Callable[[Callable[[], None]], ASGIApp]
"""Builds the application, which calls the given function once it has started."""

FIRST_TURN_SECONDS: Final = 0.1
HANDSHAKE_SECONDS: Final = 10.0
"""How long Granian lets a TLS handshake take."""


class Sign:
    """A byte of shared memory by which a process that is forked later signals that it serves."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def give(self) -> None:
        self._memory[0] = 1

    @property
    def given(self) -> bool:
        return self._memory[0] == 1


@dataclass(frozen=True)
class Duties:
    """What a worker needs to know.

    `port`: of the listening address, 0 for a unix socket. `reaps`: whether to end connections without requests.
    `retires`: whether the launcher may replace the worker by a new one. `drain_seconds`: how long requests may take once the
    worker is to end.
    """

    build: Build
    port: int
    header_seconds: float
    drain_seconds: float
    reaps: bool
    retires: bool

    @property
    def unheard_seconds(self) -> float:
        """The longest time from a connection to its first request."""
        return self.header_seconds * LATEST if self.reaps else HANDSHAKE_SECONDS + self.header_seconds

    def begin(self, listener: int, sign: Sign, launcher: int) -> ASGIApp:
        """Build the application of this worker, which accepts connections from the socket `listener`, and which ends when the
        process `launcher` has ended."""

        def started() -> None:
            # Granian serves from the next turn of the event loop on, and loses signals that arrive before.
            asyncio.get_running_loop().call_later(FIRST_TURN_SECONDS, serving)

        def serving() -> None:
            if self.retires:
                Retirement(listener, connections, self.unheard_seconds).await_order()
            if self.reaps:
                Reaper(connections, self.port, self.header_seconds).start()
            cutting.await_order()
            signals.drain_once()
            signals.heed()
            orphans.end_with(launcher, self.drain_seconds)
            sign.give()

        wake_without_preempting()
        application = self.build(started)
        if not (self.reaps or self.retires):
            return application
        connections = Connections(application)
        return connections
