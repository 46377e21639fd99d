"""Signatures that prove to a listener who sent events, and when (Standard Webhooks 1.0)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Final

PREFIX: Final = "whsec_"


def key(secret: str) -> bytes:
    """The bytes to sign with. A secret that begins with `whsec_` has base64 behind it; any other is used as it is. Raises ValueError
    without the secret in its message."""
    if not secret.startswith(PREFIX):
        found = secret.encode()
    else:
        encoded = secret.removeprefix(PREFIX)
        try:
            found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"a secret is not base64 behind {PREFIX}") from None
    if not found:
        raise ValueError("a secret is empty")
    return found


def signed(keys: Iterable[bytes], message: str, moment: int, body: bytes) -> Iterator[tuple[str, str]]:
    """The headers of one attempt. `message` is the same for each attempt, `moment` (seconds since 1970) is not."""
    content = f"{message}.{moment}.".encode() + body
    digests = [hmac.new(one, content, hashlib.sha256).digest() for one in keys]
    if digests:
        yield "webhook-id", message
        yield "webhook-timestamp", str(moment)
        yield "webhook-signature", " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
