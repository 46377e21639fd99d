"""How often what watches the registry failed itself, over all processes of a server: for whoever asks, for the log tells of it once.

Made when this is imported, which the launcher does before it forks workers: they add to its numbers.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_COUNT: Final = re.compile(r"^eventfd-count:\s*([0-9a-f]+)$", re.MULTILINE)


class Losses:
    """A number that begins with 0, and that all processes forked from this one add to, from any thread. The kernel adds, so nothing
    is lost or counted twice, whichever of them is killed."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def add(self, count: int = 1) -> None:
        os.eventfd_write(self._fd, count)

    def count(self) -> int:
        """Raises OSError where the system does not tell."""
        # To read from it would take the number away from the others.
        told = _COUNT.search(Path(f"/proc/self/fdinfo/{self._fd}").read_text())
        if told is None:
            raise OSError("the kernel does not tell the count of an eventfd")
        return int(told[1], 16)


lines: Final = Losses()
"""Lines of logs that could not be written."""

mails: Final = Losses()
"""Mail about the log that could not be sent at a try."""

reports: Final = {reason: Losses() for reason in ("too_many", "undelivered", "failed")}
"""Reports of unexpected errors, by why no service has them: errors beyond what is reported in a minute; reports that one service did not
take; what could not be made a report."""
