"""The client of Amazon's own library, for what obstore cannot ask. It blocks, and takes half a second to load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def s3_client(arguments: Mapping[str, Any], *, connections: int, silence_seconds: int) -> Any:
    """`arguments` are those of boto3's client, with `addressing_style`. May be used by `connections` threads."""
    import boto3
    from botocore.config import Config

    given = dict(arguments)
    config = Config(
        s3={"addressing_style": given.pop("addressing_style")},
        max_pool_connections=connections,
        retries={"max_attempts": 5, "mode": "standard"},
        connect_timeout=5,
        read_timeout=silence_seconds,
        # What boto3 adds of its own accord since 1.36 is refused by stores other than Amazon's.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.Session().client("s3", config=config, **given)
