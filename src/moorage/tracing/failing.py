"""Records errors in spans."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from opentelemetry.trace import Span, StatusCode

from moorage.drivers.base import is_answer
from moorage.tracing.words import cut


@contextlib.contextmanager
def failing(span: Span) -> Iterator[None]:
    """Record an error that the body raises."""
    try:
        yield
    except BaseException as error:
        note(span, error)
        raise


def note(span: Span, error: BaseException) -> None:
    """Record an error. Missing files, busy and invalid paths are answers, not errors. A cancellation, because the client left,
    is not recorded at all."""
    kind = type(error).__name__
    if is_answer(error):
        span.set_attribute("moorage.storage.answer", kind)
    elif isinstance(error, Exception):
        text = cut(str(error))
        span.set_status(StatusCode.ERROR, text)
        span.set_attribute("error.type", kind)
        # Without the stack, which is long and the same for all failures.
        span.add_event("exception", {"exception.type": kind, "exception.message": text})
