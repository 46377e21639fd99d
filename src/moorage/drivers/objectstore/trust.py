"""Whose certificates are trusted. obstore asks the system, and boto3 has a list of its own, which knows no authority that an operator
has added: a store of one's own would take small layers from the one and no large ones from the other."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Final

from moorage.drivers.base import DriverError

AWS_BUNDLE: Final = "AWS_CA_BUNDLE"
"""The variable by which Amazon's own tools are told of more authorities (AWS SDKs and Tools, "General settings")."""

SYSTEMS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",
)

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"


def system_bundle() -> str | None:
    """The file of the authorities that the system trusts, or that SSL_CERT_FILE names, as OpenSSL and obstore understand it; None if
    there is none."""
    known = ssl.get_default_verify_paths().cafile
    return known or next((place for place in SYSTEMS if Path(place).is_file()), None)


def bundle_with(more: str | None) -> str | None:
    """A file, which lasts as long as this process, of the system's authorities and those of the file `more`: boto3 would trust only the
    one or the other, and obstore trusts both. None if there is neither."""
    system = system_bundle()
    return _joined(system, more) if system and more and system != more else more or system


@lru_cache
def _joined(*places: str) -> str:
    try:
        found = b"\n".join(Path(place).read_bytes() for place in places)
    except OSError:
        # Whoever makes a connection with the last one tells.
        return places[-1]
    descriptor = os.memfd_create("authorities")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(found)
    return f"/proc/self/fd/{descriptor}"


def named_bundle() -> bytes | None:
    """The certificates of the file that AWS_CA_BUNDLE names, which obstore does not know; None without one. Raises DriverError."""
    place = os.environ.get(AWS_BUNDLE)
    if not place:
        return None
    try:
        found = Path(place).read_bytes()
    except OSError as error:
        raise DriverError("storage.s3", f"{AWS_BUNDLE}: {place}: {error.strerror}") from None
    if _BEGIN not in found:
        raise DriverError("storage.s3", f"{AWS_BUNDLE}: {place}: holds no certificate")
    return found
