"""Whether a PEM file is whole: one that is being written, or was cut off, is not."""

from __future__ import annotations

from typing import Final

CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
"""What serves them knows no other name: a file with an older `X509 CERTIFICATE` is not whole."""


def is_whole(content: bytes, certificates: int) -> bool:
    """`certificates`: how many the library has found, which leaves out one without its END line."""
    return certificates == content.count(CERTIFICATE) and content.count(b"-----BEGIN") == content.count(
        b"-----END"
    )
