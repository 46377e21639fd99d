"""Ends interrupted commands cleanly, so that they withdraw what they announced to servers or put into the storage temporarily."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130
TERMINATED: Final = 143
"""The exit statuses that shells report for commands ended by SIGINT and SIGTERM."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C, which asyncio turns into a cancellation; only the exit status differs. If the process was started
    with SIGTERM ignored, it stays ignored."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    asked = []

    def end(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):
            # SIGINT is ignored, as in background jobs of a non-interactive shell.
            raise KeyboardInterrupt
        interrupt(number, frame)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as ended:
        code = ended.code if isinstance(ended, SystemExit) else INTERRUPTED
        raise SystemExit(TERMINATED if asked and code == INTERRUPTED else code) from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
