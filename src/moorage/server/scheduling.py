"""How the threads of a worker share processors."""

from __future__ import annotations

import contextlib
import os


def wake_without_preempting() -> None:
    """Let this thread, and those that it starts from now on, wait for a processor when they wake up, instead of taking it from
    whoever is at work.

    A request goes through two threads or more, of which one at a time may have the interpreter. One that has just woken another
    is about to wait itself, or holds what the other is going to ask for; changing places before that costs a fifth of
    the processor time of a request.
    """
    # A sandbox may forbid it, and an operator may have chosen another policy.
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
