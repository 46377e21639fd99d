"""Turns errors into answers; the only place that does."""

from __future__ import annotations

import logging

from moorage.api.answer import Answer
from moorage.drivers.base import DriverError, InvalidPath, StorageFull, WriteRefused
from moorage.errors import NameInvalid, RegistryError, StorageExhausted, Unavailable, Unsupported

log = logging.getLogger(__name__)


def error_answer(error: RegistryError) -> Answer:
    """`{"errors": [{"code", "message", "detail"}]}` (OCI distribution-spec, "Error codes")."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in error.headers.items()]
    return Answer.json({"errors": error.entries()}, error.status, headers)


def known_error(error: Exception) -> RegistryError | None:
    """The registry's error for a failure of the storage; None for an unexpected error. The path and the reason go to the
    operator's log, not to the client."""
    if isinstance(error, RegistryError):
        return error
    if isinstance(error, StorageFull):
        log.error("storage is full", extra={"path": error.path})
        return StorageExhausted()
    if isinstance(error, InvalidPath):
        return NameInvalid("the name is too long for the registry's storage")
    if isinstance(error, WriteRefused):
        # As in read-only mode. Clients show this error and give up, while they repeat a request after a 503.
        log.error("the storage refuses writes", extra={"reason": str(error)})
        return Unsupported("the registry may not write to its storage")
    if isinstance(error, DriverError):
        log.error("storage failed", extra={"failure": type(error).__name__, "reason": str(error)})
        return Unavailable("the registry's storage failed, try again")
    return None
