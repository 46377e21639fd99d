"""What `cryptography` raises for certificates and keys that are damaged or odd. It parses each part only when it is accessed,
so any access may raise."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

UNREADABLE: Final = (
    *(TypeError, UnsupportedAlgorithm),
    *(x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
)
"""The errors besides ValueError."""
