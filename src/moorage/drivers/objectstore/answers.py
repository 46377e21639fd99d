"""What boto3 returns and raises, in the driver's words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from moorage.drivers.base import DriverError, PathNotFound, StorageFull, WriteRefused
from moorage.drivers.objectstore.translation import NOT_THE_STORE, forbids, full, meaning, reason


def told(answer: Mapping[str, Any], name: str) -> str:
    """What an answer says about `name`. Raises DriverError if it is silent: a page of some proxy may have the status of success, too."""
    try:
        return str(answer[name])
    except KeyError:
        raise DriverError("storage.s3", f"an answer without {name}: {NOT_THE_STORE}") from None


def code(error: Exception) -> str:
    """The store's error code in what boto3 raises, or an empty string."""
    found = _part(error, "Error").get("Code", "")
    # Without a body botocore puts the status there.
    return "" if str(found).isdigit() else str(found)


def status(error: Exception) -> int:
    """The status of the answer in what boto3 raises; 0 if there was none."""
    return int(_part(error, "ResponseMetadata").get("HTTPStatusCode", 0))


def _part(error: Exception, name: str) -> Mapping[str, Any]:
    response = getattr(error, "response", None)
    return response.get(name, {}) if isinstance(response, dict) else {}


def explained(error: Exception) -> str:
    """One line for the operator about what boto3 raises."""
    if found := code(error):
        return meaning(found)
    return f"{status(error)} without a code: {NOT_THE_STORE}" if status(error) else reason(error)


@contextlib.contextmanager
def answered(path: str) -> Iterator[None]:
    """As `translated`, for what boto3 raises for a write. Raises PathNotFound, StorageFull, WriteRefused, DriverError."""
    try:
        yield
    except Exception as error:
        raise _failure(path, error) from None


def _failure(path: str, error: Exception) -> DriverError:
    if isinstance(error, DriverError):
        return error
    if code(error) == "NoSuchKey":
        return PathNotFound(path)
    said = f"{code(error)} {_part(error, 'Error').get('Message', '')}"
    if status(error) == 507 or full(said):
        return StorageFull(path, explained(error))
    if forbids(code(error)):
        return WriteRefused(path, explained(error))
    return DriverError(path, explained(error))
