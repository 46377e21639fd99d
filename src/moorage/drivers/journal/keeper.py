"""The thread that settles a journal some seconds after it was first written to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from moorage.drivers.base import DriverError

log = logging.getLogger(__name__)


class Keeper:
    """Starts its thread when it is first woken: a process that only reads has none."""

    def __init__(self, settle: Callable[[], None], seconds: float) -> None:
        self._settle = settle
        self._seconds = seconds
        self._wanted = threading.Event()
        self._hurry = threading.Event()
        self._closed = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self, *, hurry: bool) -> None:
        """Something was written; with `hurry`, it is to be settled at once. If no thread can be started, it is settled at the end, or when
        something is removed."""
        if hurry:
            self._hurry.set()
        if self._wanted.is_set():
            return
        self._wanted.set()
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="storage-journal", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return
                self._thread = thread

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            self._hurry.wait(self._seconds)
            self._hurry.clear()
            self._wanted.clear()
            # Only now: whoever closes it later sets both again.
            if self._closed:
                return
            try:
                self._settle()
            except (OSError, DriverError) as error:
                log.error("the disk does not take what was written", extra={"reason": str(error)})
                self._wanted.set()

    def close(self) -> None:
        """Do not settle any more. Does not wait for what is under way."""
        self._closed = True
        self._hurry.set()
        self._wanted.set()
