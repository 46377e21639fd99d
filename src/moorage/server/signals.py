"""Signals: SIGTERM and SIGINT stop, SIGRTMIN retires a worker, SIGHUP is for the launcher only, SIGUSR1 and SIGUSR2 do nothing.

A forked worker has the launcher's handlers until its event loop runs and installs its own. A signal in between would get
lost, and the server would wait for its whole drain time. So signals are blocked until then.
"""

from __future__ import annotations

import os
import signal
from typing import Final

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
RETIRING: Final = signal.SIGRTMIN
IGNORED: Final = (signal.SIGUSR1, signal.SIGUSR2)
"""What rules for logrotate send, often to all processes of a service, to have a log opened anew. Logs need no signal here."""
_HELD: Final = (*STOPPING, RETIRING)


def hold_in_new_workers() -> None:
    """Have processes that are forked from now on start with these signals blocked, until they call `heed`. From now on, this process
    and those ignore what does nothing."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.register_at_fork(before=_hold, after_in_parent=heed, after_in_child=_forget)


def heed() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def _forget() -> None:
    for number in _HELD:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
