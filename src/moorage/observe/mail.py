"""Mail about what is logged. An error that occurs a thousand times a second results in one mail with the count.

A thread sends the gathered events shortly after the first one, and then once per interval at most. What could not be sent
waits for the next time. Only the end of the process waits for the thread, for up to two seconds.
"""

from __future__ import annotations

import logging
import multiprocessing.util
import os
import threading
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

from moorage.observe import losses
from moorage.observe.gathered import Gathered
from moorage.observe.logging import LEVELS, EventFormatter

log = logging.getLogger(__name__)

GATHER_SECONDS: Final = 1.0
"""From the first event to its mail, as errors rarely come alone."""
CLOSE_SECONDS: Final = 2.0

Send: TypeAlias = Callable[[str, str], None]
"""Sends a mail with a subject and a text. It may take long, and may raise anything."""


class MailHandler(logging.Handler):
    """Sends mail about events logged at one of the `levels`.

    They are names in `LEVELS`; `panic` also stands for unexpected errors, which are logged with a traceback. `host` is the name of this
    machine. `failures` counts the failed attempts to send.
    """

    def __init__(
        self,
        levels: Collection[str],
        formatter: EventFormatter,
        send: Send,
        host: str,
        interval_seconds: float,
    ) -> None:
        super().__init__()
        # A filter is called without the handler's lock, which is held while the end of the process waits for the thread.
        self.addFilter(self._wants)
        self._levels = frozenset(LEVELS[level] for level in levels)
        self._unforeseen = "panic" in levels
        self._formatter = formatter
        self._send = send
        self._host = host
        self._interval = interval_seconds
        self.failures = 0
        self._failing = False
        self._begin_anew()
        # Workers end without calling `atexit` functions.
        multiprocessing.util.Finalize(None, self.close, exitpriority=1)

    def _begin_anew(self) -> None:
        """Reset the state for this process, which has no thread of its own if it was just forked."""
        self._process = os.getpid()
        self._gathered = Gathered()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def _wants(self, record: logging.LogRecord) -> bool:
        if record.name == __name__:
            # Otherwise mail that cannot be sent would cause more mail, forever.
            return False
        return record.levelno in self._levels or (self._unforeseen and bool(record.exc_info))

    def emit(self, record: logging.LogRecord) -> None:
        if self._process != os.getpid():
            self._begin_anew()
        try:
            with self._changed:
                self._gathered.add(record, self._formatter.fields)
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="mail", daemon=True)
                    thread.start()
                    self._thread = thread
        except Exception:
            # The event cannot be formatted, or no thread can be started: only the log has the event.
            self._fail()

    def _run(self) -> None:
        """Send until nothing has come for a whole interval, or `close` stopped waiting. The next event starts another thread."""
        this = threading.current_thread()
        pause = min(GATHER_SECONDS, self._interval)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing, pause)
                if self._thread is not this:
                    return
                gathered, self._gathered = self._gathered, Gathered()
                if not gathered:
                    self._thread = None
                    return
            if not self._sent(gathered):
                with self._changed:
                    if self._thread is not this:
                        return
                    gathered += self._gathered
                    self._gathered = gathered
                    if self._closing:
                        self._thread = None
                        return
            pause = self._interval

    def _sent(self, gathered: Gathered) -> bool:
        origin = [f"moorage on {self._host}, process {os.getpid()}"]
        origin += [f"{name}={value}" for name, value in self._formatter.always.items()]
        try:
            self._send(gathered.subject(self._host), gathered.text(", ".join(origin)))
        except Exception as error:
            self._fail()
            if not self._failing:
                reason = f"{type(error).__name__}: {error}"
                log.warning("mail about the log cannot be sent, it is tried again", extra={"reason": reason})
            self._failing = True
            return False
        if self._failing:
            log.warning("mail about the log is sent again", extra={"failures": self.failures})
        self._failing = False
        return True

    def _fail(self) -> None:
        self.failures += 1
        losses.mails.add()

    def close(self) -> None:
        """Send what was gathered, and wait for that at most CLOSE_SECONDS.

        The handler can be used again afterwards, as configuring logging closes all existing handlers.
        """
        super().close()
        if self._process != os.getpid():
            return
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)
        with self._changed:
            if self._thread is thread:
                # The thread hangs. When it continues, it sees that it is not the current one and ends.
                self._thread = None
            self._closing = False
