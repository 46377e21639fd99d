"""What a tag may answer, given which writes of it were acknowledged: a tag is a register.

The rule is linearizability. A write takes effect at one moment between its start and its answer, and an
unanswered one between its start and the crash, or never. So after a crash a tag may show any write that
no acknowledged write began after.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from tests.faults.images import Image


@dataclass
class Write:
    """One push of a tag. `end` is the time of its 201, or of the crash that left it unanswered."""

    image: Image
    start: float
    end: float | None = None
    acknowledged: bool = False


@dataclass
class TagHistory:
    """The writes of one tag that may still matter."""

    writes: list[Write] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, image: Image) -> Write:
        write = Write(image, time.monotonic())
        with self._lock:
            self.writes.append(write)
        return write

    def acknowledge(self, write: Write) -> None:
        with self._lock:
            write.end, write.acknowledged = time.monotonic(), True

    def crash(self) -> None:
        """All clients have stopped: an unanswered write can take effect no later than now."""
        for write in self.writes:
            if write.end is None:
                write.end = time.monotonic()

    def allowed(self) -> list[Write]:
        """The writes a read may show now."""
        newest_start = max((write.start for write in self.writes if write.acknowledged), default=0.0)
        return [write for write in self.writes if write.end is not None and write.end >= newest_start]

    def may_be_absent(self) -> bool:
        return not any(write.acknowledged for write in self.writes)

    def seen(self, manifest: bytes | None) -> bool:
        """A read at rest showed `manifest` (None: 404). Whether that is allowed; it then is the only
        value later reads may show, because nothing is in flight that could change it."""
        if manifest is None:
            if not self.may_be_absent():
                return False
            self.writes.clear()
            return True
        shown = [write for write in self.allowed() if write.image.manifest == manifest]
        if shown:
            now = time.monotonic()
            self.writes[:] = [Write(shown[0].image, now, now, acknowledged=True)]
        return bool(shown)
