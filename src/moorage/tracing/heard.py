"""The log messages of OpenTelemetry. It repeats them with every batch, so each one is logged once, and those about the delivery
become the reasons in the messages of `delivery`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

log = logging.getLogger(__name__)

LONGEST: Final = 300
"""The most characters of a message."""

_REASONS: ContextVar[list[str] | None] = ContextVar("reasons", default=None)
"""The messages of the delivery that is in progress in this thread."""


class Heard(logging.Handler):
    """Collects messages during a delivery as reasons, and logs other messages once each."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told: set[tuple[str, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()[:LONGEST]
        reasons = _REASONS.get()
        if reasons is not None:
            reasons.append(text)
        elif (said := (record.name, str(record.msg))) not in self._told:
            self._told.add(said)
            log.log(record.levelno, text, extra={"logger": record.name})


class Elsewhere(logging.Filter):
    """Keeps the HTTP client's messages out of the log during a delivery, and no others."""

    def filter(self, record: logging.LogRecord) -> bool:
        return _REASONS.get() is None


@contextlib.contextmanager
def reasons() -> Iterator[list[str]]:
    """Collect the messages of the body, in this thread."""
    heard: list[str] = []
    token = _REASONS.set(heard)
    try:
        yield heard
    finally:
        _REASONS.reset(token)


def listen() -> None:
    """Install the handlers and filters in this process."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers = [Heard()]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    # These loggers warn about headers that clients send.
    for name in ("opentelemetry.baggage", "opentelemetry.trace"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(Elsewhere())
