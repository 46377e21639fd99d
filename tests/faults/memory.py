"""How much memory a server takes while something happens to it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from tests.support.server import Server

SAMPLE_SECONDS = 0.05
MIB = 1 << 20


class MemoryWatch:
    """Samples the resident memory of all processes of `server` while the block runs; bytes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.start = server.rss_bytes()
        self.peak = self.start

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        return self.peak - self.start

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self._server.rss_bytes())
