"""What `cryptography` raises when it is asked for something in a certificate or key that is damaged or odd: each part is
read when somebody asks for it."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

UNREADABLE: Final = (
    *(TypeError, UnsupportedAlgorithm),
    *(x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
)
"""Besides ValueError."""
