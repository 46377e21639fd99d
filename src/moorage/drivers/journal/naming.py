"""Errors of the journal name the journal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from moorage.drivers.base import DriverError
from moorage.drivers.files import FULL, translate
from moorage.drivers.journal.journal import JOURNAL


@contextlib.contextmanager
def naming_journal() -> Iterator[None]:
    """OSErrors of the body become DriverErrors of the journal, and not of the path that was to be changed."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise translate(error, f"/{JOURNAL}") from None
        raise DriverError(f"/{JOURNAL}", f"cannot be used: {error.strerror or error}") from None
