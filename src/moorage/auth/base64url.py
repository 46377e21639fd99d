"""Base64url without padding (RFC 7515, section 2), each value in one form only."""

from __future__ import annotations

import base64


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Raises ValueError, also for bits left over in the last character that are not zero."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The module leaves out what it does not know.
    if encode(raw) != text:
        raise ValueError("not base64url as it is written")
    return raw
