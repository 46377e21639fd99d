"""Base64url without padding (RFC 7515, section 2), with only one form for each value."""

from __future__ import annotations

import base64


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Raises ValueError, also if unused bits of the last character are not zero."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # The `base64` module skips characters that it does not know.
    if encode(raw) != text:
        raise ValueError("not base64url as it is written")
    return raw
