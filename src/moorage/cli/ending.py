"""Commands that are asked to end do so cleanly: what they have told servers, or put into the storage for a while, is taken back."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130
TERMINATED: Final = 143
"""The statuses that shells give a command that SIGINT or SIGTERM ended."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM is taken as Ctrl-C, which asyncio makes a cancellation; only the status tells them apart. Who started this with
    SIGTERM ignored wants it so."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    asked = []

    def end(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):
            # Ctrl-C is ignored, as in the background of a shell that is no terminal's.
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
