"""Carries reports to one service: a thread with a short queue, so that no request waits for the service."""

from __future__ import annotations

import contextlib
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
    """The service did not accept a report. The message says why, without keys and addresses."""


class Courier(Generic[Parcel]):
    """Sends parcels one after the other, by calling `send` in a thread; it may raise Undelivered.

    A parcel that the service does not accept is counted and not sent again, as the log has the error too.
    """

    def __init__(self, service: str, send: Callable[[Parcel], None], *, waiting: int = WAITING) -> None:
        self._service = service
        self._send = send
        self._lost = Tally("error reports do not arrive", {"service": service}, reports["undelivered"])
        self._queue: queue.Queue[Parcel | None] = queue.Queue(waiting)
        self._thread: threading.Thread | None = None

    def offer(self, parcel: Parcel) -> None:
        """Queue a parcel, or count it as lost if the queue is full or no thread can be started. Returns at once. Do not call this
        after `stop`."""
        if self._thread is None:
            # Started with the first parcel only, as most registries never have an unexpected error. A daemon, so that no
            # service can keep the process from ending.
            thread = threading.Thread(target=self._carry, name=f"reports {self._service}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._lost.add(str(error))
                return
            self._thread = thread
        try:
            self._queue.put_nowait(parcel)
        except queue.Full:
            self._lost.add("too many wait already")

    def stop(self) -> None:
        """Have the thread send what waits, then end. Returns at once."""
        if self._thread is None:
            return
        while True:
            try:
                self._queue.put_nowait(None)
                return
            except queue.Full:
                self._drop()

    def join(self, deadline: float) -> None:
        """Wait until everything is sent, at most until `deadline` on the monotonic clock; what is not sent by then is lost."""
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
            if self._thread.is_alive():
                # The thread has one parcel in hand.
                self._lost.add("the registry was stopped", 1 + self._discard())
        self._lost.rest()

    def _discard(self) -> int:
        """Remove all parcels that wait, and let the thread end. Returns how many they were."""
        count = 0
        with contextlib.suppress(queue.Empty):
            while True:
                count += self._queue.get_nowait() is not None
        self._queue.put_nowait(None)
        return count

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
                # From a library that met something unexpected. Its text may quote what was sent.
                self._lost.add(type(error).__name__)
