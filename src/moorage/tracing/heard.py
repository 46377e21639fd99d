"""What OpenTelemetry says in its log. It repeats itself with every batch, so the operator gets each sentence once, and of the
delivery what `delivery` makes of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

log = logging.getLogger(__name__)

LONGEST: Final = 300
"""Characters of a sentence."""

_REASONS: ContextVar[list[str] | None] = ContextVar("reasons", default=None)
"""What was said in this thread since it began to deliver."""


class Heard(logging.Handler):
    """Said while something is delivered, it is a reason; else the log gets it, once."""

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
    """Keeps what the HTTP client says of deliveries out of the log, and lets it speak of all else."""

    def filter(self, record: logging.LogRecord) -> bool:
        return _REASONS.get() is None


@contextlib.contextmanager
def reasons() -> Iterator[list[str]]:
    """What is said meanwhile, in this thread."""
    heard: list[str] = []
    token = _REASONS.set(heard)
    try:
        yield heard
    finally:
        _REASONS.reset(token)


def listen() -> None:
    """For this process."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers = [Heard()]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    # These complain of headers that clients sent.
    for name in ("opentelemetry.baggage", "opentelemetry.trace"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(Elsewhere())
