"""A worker whose launcher was killed ends by itself: nobody would stop it or replace it, and no new server could have its address."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Final

from moorage.server import cutting, signals

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0


def end_with(launcher: int, drain_seconds: float) -> None:
    """Have this worker drain, as on SIGTERM, soon after the process `launcher` has ended. Requests that take longer than
    `drain_seconds` are cut off, and what has arrived of their bodies is kept. Call this in the running event loop."""
    if os.getppid() == launcher:
        asyncio.get_running_loop().call_later(LOOK_SECONDS, end_with, launcher, drain_seconds)
        return
    log.error("launcher is gone, worker ends")
    asyncio.get_running_loop().call_later(drain_seconds, cutting.cut)
    # Nobody is left to kill what hangs. The kernel does it, whatever the event loop is at.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, drain_seconds + cutting.GRACE_SECONDS)
    signals.drain()
