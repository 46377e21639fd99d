"""The one place where errors become answers."""

from __future__ import annotations

import logging

from moorage.api.answer import Answer
from moorage.drivers.base import DriverError, InvalidPath, StorageFull, WriteRefused
from moorage.errors import NameInvalid, RegistryError, StorageExhausted, Unavailable, Unsupported
from moorage.wire import encode

log = logging.getLogger(__name__)


def error_answer(error: RegistryError) -> Answer:
    """`{"errors": [{"code", "message", "detail"}]}` (OCI distribution-spec, "Error codes")."""
    body = encode({"errors": error.entries()})
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in error.headers.items()]
    return Answer(
        error.status,
        [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers],
        body,
    )


def known_error(error: Exception) -> RegistryError | None:
    """The registry's word for a failure of the store; None for what nobody foresaw. The operator's log gets the
    path and the reason, the client neither."""
    if isinstance(error, RegistryError):
        return error
    if isinstance(error, StorageFull):
        log.error("storage is full", extra={"path": error.path})
        return StorageExhausted()
    if isinstance(error, InvalidPath):
        return NameInvalid("the name is too long for the registry's storage")
    if isinstance(error, WriteRefused):
        # As in read-only mode. Clients show it and give up, while they repeat what they are told is unavailable.
        log.error("the storage refuses writes", extra={"reason": str(error)})
        return Unsupported("the registry may not write to its storage")
    if isinstance(error, DriverError):
        log.error("storage failed", extra={"failure": type(error).__name__, "reason": str(error)})
        return Unavailable("the registry's storage failed, try again", headers={"Retry-After": "5"})
    return None
