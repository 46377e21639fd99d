"""Signals: SIGTERM and SIGINT stop, SIGUSR1 retires a worker, SIGHUP is the launcher's alone.

A worker inherits the launcher's handlers at its fork and has some of its own only when its event loop turns; what came
in between would be swallowed, and the server would wait for its whole drain time. So they are held back until then.
"""

from __future__ import annotations

import os
import signal
from typing import Final

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
RETIRING: Final = signal.SIGUSR1
_HELD: Final = (*STOPPING, RETIRING)


def hold_in_new_workers() -> None:
    """From now on, a process that is forked begins without these signals, until it calls `heed`."""
    os.register_at_fork(before=_hold, after_in_parent=heed, after_in_child=_forget)


def heed() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def _forget() -> None:
    for number in _HELD:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
