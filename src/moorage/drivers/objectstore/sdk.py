"""boto3, Amazon's own client, for credentials and for requests that obstore cannot make, and what its errors mean. It blocks, and
takes half a second to load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moorage.drivers.base import DriverError, PathNotFound, StorageFull, WriteRefused
from moorage.drivers.objectstore.translation import forbids, full, meaning, reason


def s3_credentials(region: str) -> Any:
    """What Amazon's own tools would sign with; None if they find nothing. Raises DriverError for a profile that is not there, or a file
    that cannot be read."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.Session(region_name=region or None).get_credentials()
    except BotoCoreError as error:
        told = str(error).partition("\n")[0]
        raise DriverError("storage.s3", f"no credentials: {told}") from None


def s3_client(arguments: Mapping[str, Any], *, connections: int, silence_seconds: int) -> Any:
    """Build a client that up to `connections` threads may use. `arguments` are those of boto3's client, and
    `addressing_style` and `user_agent`."""
    import boto3
    from botocore.config import Config

    given = dict(arguments)
    config = Config(
        s3={"addressing_style": given.pop("addressing_style")},
        user_agent=given.pop("user_agent"),
        max_pool_connections=connections,
        retries={"max_attempts": 5, "mode": "standard"},
        connect_timeout=5,
        read_timeout=silence_seconds,
        # Other stores refuse the checksums that boto3 adds by default since 1.36.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.Session().client("s3", config=config, **given)


def code(error: Exception) -> str:
    """The store's error code in what boto3 raises, or an empty string."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def explained(error: Exception) -> str:
    """One line for the operator about what boto3 raises."""
    return meaning(code(error)) or reason(error)


def failure(path: str, error: Exception) -> DriverError:
    """The driver's error for what boto3 raises for a write."""
    if isinstance(error, DriverError):
        return error
    if code(error) in ("NoSuchKey", "404"):
        return PathNotFound(path)
    if full(code(error)):
        return StorageFull(path, explained(error))
    if forbids(code(error)):
        return WriteRefused(path, explained(error))
    return DriverError(path, explained(error))
