"""What carries reports to one service: a thread with a short queue, so that nobody waits for the service."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from moorage.observe.losses import reports
from moorage.reporting.tally import Tally

log = logging.getLogger(__name__)

WAITING: Final = 20

Parcel = TypeVar("Parcel")


class Undelivered(Exception):
    """The service did not take it. The text tells why, without keys and addresses."""


class Courier(Generic[Parcel]):
    """`send` is called in the thread, for one parcel after the other; it raises Undelivered. What was not taken is counted and not
    sent again: the log has the error too."""

    def __init__(self, service: str, send: Callable[[Parcel], None], *, waiting: int = WAITING) -> None:
        self._service = service
        self._send = send
        self._lost = Tally("error reports do not arrive", {"service": service}, reports["undelivered"])
        self._queue: queue.Queue[Parcel | None] = queue.Queue(waiting)
        self._thread: threading.Thread | None = None

    def offer(self, parcel: Parcel) -> None:
        """Returns at once. Not to be called after `stop`."""
        if self._thread is None:
            # Not before there is something to carry: most registries never have an unexpected error. A daemon, for nothing
            # that a service does may keep the process from ending.
            self._thread = threading.Thread(target=self._carry, name=f"reports {self._service}", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(parcel)
        except queue.Full:
            self._lost.add("too many wait already")

    def stop(self) -> None:
        """What waits is sent, then the thread ends. Returns at once."""
        if self._thread is None:
            return
        while True:
            try:
                self._queue.put_nowait(None)
                return
            except queue.Full:
                self._drop()

    def join(self, deadline: float) -> None:
        """Waits until all is sent, but not beyond `deadline` of the monotonic clock; what is not sent by then is lost."""
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
            if self._thread.is_alive():
                self._lost.add("the registry was stopped")
        self._lost.rest()

    def _drop(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
        self._lost.add("too many wait already")

    def _carry(self) -> None:
        while (parcel := self._queue.get()) is not None:
            try:
                self._send(parcel)
            except Undelivered as error:
                self._lost.add(str(error))
            except Exception as error:
                # Of a library that met something it did not expect; its text may have what was sent in it.
                self._lost.add(type(error).__name__)
