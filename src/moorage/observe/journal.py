"""What systemd's journal understands of a line: its priority, as `<3>` in front (sd-daemon(3)), so that `journalctl -p warning` finds it.

The journal takes it off again. Nobody else gets it: systemd names the stream that leads to the journal in JOURNAL_STREAM (systemd.exec(5)).
"""

from __future__ import annotations

import logging
import os
from typing import Final

STDERR: Final = 2
_PRIORITIES: Final = (
    (logging.CRITICAL, "<2>"),
    (logging.ERROR, "<3>"),
    (logging.WARNING, "<4>"),
    (logging.INFO, "<6>"),
    (logging.NOTSET, "<7>"),
)


def leads_to(fd: int) -> bool:
    """Whether what is written there goes to the journal."""
    try:
        there = os.fstat(fd)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def priority(level: int) -> str:
    """In front of a line about an event of this level (`logging`)."""
    return next(text for least, text in _PRIORITIES if level >= least)


def prefix(level: int, fd: int = STDERR) -> str:
    """In front of a line that is written to `fd`: nothing if that is not the journal."""
    return priority(level) if leads_to(fd) else ""
