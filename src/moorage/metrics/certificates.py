"""When the certificate that is served ends."""

from __future__ import annotations

import os
from pathlib import Path


class Certificate:
    """The first one of a PEM file, which is read again when the file was changed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._read: tuple[int, int] | None = None
        self._expires: float | None = None

    def expires(self) -> float | None:
        """In seconds since 1970; None if no certificate can be read."""
        try:
            found = os.stat(self._path)
            if (version := (found.st_ino, found.st_mtime_ns)) != self._read:
                self._expires = _expires(Path(self._path).read_bytes())
                self._read = version
        except (OSError, ValueError):
            # Perhaps it is being replaced: what is served is still the one before.
            return self._expires
        return self._expires


def _expires(pem: bytes) -> float:
    """Raises ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc.timestamp()
