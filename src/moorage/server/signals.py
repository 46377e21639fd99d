"""Signals: SIGTERM and SIGINT stop, SIGRTMIN retires a worker, SIGRTMIN+1 cuts off what it still receives, SIGHUP and SIGQUIT, which stops
like SIGTERM, are for the launcher only, SIGUSR1 and SIGUSR2 do nothing.

A forked worker has the launcher's handlers until its event loop runs and installs its own. A signal in between would get
lost, and the server would wait for its whole drain time. So signals are blocked until then.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Final

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
RETIRING: Final = signal.SIGRTMIN
CUTTING: Final = signal.SIGRTMIN + 1
IGNORED: Final = (signal.SIGUSR1, signal.SIGUSR2)
"""What rules for logrotate send, often to all processes of a service, to have a log opened anew. Logs need no signal here."""
LAUNCHERS: Final = (signal.SIGHUP, signal.SIGQUIT)
HANDLED_SECONDS: Final = 0.1
_HELD: Final = (*STOPPING, RETIRING, CUTTING)


def hold_in_new_workers() -> None:
    """Have processes that are forked from now on start with these signals blocked, until they call `heed`. From now on, this process
    and those ignore what does nothing."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.register_at_fork(before=_hold, after_in_parent=heed, after_in_child=_forget)


def heed() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


def drain_once() -> None:
    """Have this worker heed SIGINT once, and SIGTERM no more soon after. Call this in the running event loop.

    Granian accepts two of these signals, and hangs on a third with its event loop. That many come: a terminal sends Ctrl-C to all
    processes of a server, and so do some service managers with SIGTERM, beside the launcher's order.
    """
    loop = asyncio.get_running_loop()

    def begin() -> None:
        loop.add_signal_handler(signal.SIGINT, _nothing)
        # What Granian does on SIGINT cannot be called from here any more.
        os.kill(os.getpid(), signal.SIGTERM)
        # Twice, as timers come before signals: a loop that was held up would handle that SIGTERM too late.
        loop.call_later(HANDLED_SECONDS, loop.call_later, HANDLED_SECONDS, end)

    def end() -> None:
        loop.add_signal_handler(signal.SIGTERM, _nothing)

    loop.add_signal_handler(signal.SIGINT, begin)


def drain() -> None:
    """Have this worker finish its requests and end; again has no effect."""
    os.kill(os.getpid(), signal.SIGINT)


def _nothing() -> None:
    return None


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def _forget() -> None:
    for number in _HELD:
        signal.signal(number, signal.SIG_DFL)
    for number in LAUNCHERS:
        signal.signal(number, signal.SIG_IGN)
