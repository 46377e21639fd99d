"""Counts what logging, mail and reporting lost, over all processes of a server. The log itself mentions such a failure only once.

The counters are made when this module is imported, which the launcher does before it forks the workers that add to them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_COUNT: Final = re.compile(r"^eventfd-count:\s*([0-9a-f]+)$", re.MULTILINE)


class Losses:
    """A counter shared by this process and those forked from it, for use from any thread. The kernel adds, so nothing is lost or
    counted twice when a process is killed."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def add(self, count: int = 1) -> None:
        os.eventfd_write(self._fd, count)

    def count(self) -> int:
        """The current count. Raises OSError if the kernel does not show it."""
        # Reading from the descriptor would reset the count.
        told = _COUNT.search(Path(f"/proc/self/fdinfo/{self._fd}").read_text())
        if told is None:
            raise OSError("the kernel does not tell the count of an eventfd")
        return int(told[1], 16)


lines: Final = Losses()
"""Log lines that could not be written."""

mails: Final = Losses()
"""Failed attempts to send mail about the log."""

reports: Final = {reason: Losses() for reason in ("too_many", "undelivered", "failed")}
"""Reports of unexpected errors that no service got, by reason: errors beyond the limit per minute; reports that a service did not
accept; errors that could not be made into a report."""
