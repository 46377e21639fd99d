"""Errors of the journal name the journal."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from moorage.drivers.base import DriverError
from moorage.drivers.files import translate
from moorage.drivers.journal.journal import JOURNAL


@contextlib.contextmanager
def naming_journal() -> Iterator[None]:
    """OSErrors of the body become DriverErrors of the journal, and not of the path that was to be changed."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise translate(error, f"/{JOURNAL}") from None
        raise DriverError(f"/{JOURNAL}", f"cannot be used: {error.strerror or error}") from None
