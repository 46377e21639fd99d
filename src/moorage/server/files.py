"""Reads TLS files: short regular files in PEM, and errors that say what a file holds instead."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cryptography import x509

from moorage import pem
from moorage.unreadable import UNREADABLE

MOST_BYTES: Final = 1 << 20


class CertificateError(Exception):
    """A TLS file cannot be used. The message names the configuration key, the path and what to do."""

    def __init__(self, key: str, path: str, problem: str) -> None:
        super().__init__(f"{key}: {path} {problem}")


def read(key: str, path: str) -> bytes:
    """The content of a file. Raises CertificateError, which names `key`, the configuration key of the file."""
    try:
        # O_NONBLOCK: opening a named pipe would otherwise block until another process writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CertificateError(key, path, f"cannot be read: {_reason(error)}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CertificateError(key, path, "is not a file")
        content = os.read(descriptor, MOST_BYTES + 1)
    except OSError as error:
        raise CertificateError(key, path, f"cannot be read: {_reason(error)}") from None
    finally:
        os.close(descriptor)
    if not content.strip():
        raise CertificateError(key, path, "is empty")
    if len(content) > MOST_BYTES:
        raise CertificateError(key, path, "is longer than 1 MiB: that is no file of certificates")
    return content


def certificates(key: str, path: str, content: bytes) -> list[x509.Certificate]:
    """The certificates in a PEM file, at least one. Raises CertificateError."""
    if pem.CERTIFICATE not in content:
        raise CertificateError(key, path, _instead(content))
    try:
        with _oddities_allowed():
            found = x509.load_pem_x509_certificates(content)
            for one in found:
                _read_through(one)
        whole = pem.is_whole(content, len(found))
    except (ValueError, *UNREADABLE):
        whole = False
    if not whole:
        raise CertificateError(
            key, path, "holds a certificate that is damaged: copy it again, with its BEGIN and END lines"
        )
    return found


@contextlib.contextmanager
def _oddities_allowed() -> Iterator[None]:
    """The library warns of oddities in certificates that can be served nevertheless."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read_through(certificate: x509.Certificate) -> None:
    """Access the fields that Moorage uses, except extensions: the library parses each field only on access."""
    _ = certificate.version, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    certificate.subject.rfc4514_string()


def extensions(
    key: str, path: str, certificate: x509.Certificate
) -> list[x509.Extension[x509.ExtensionType]]:
    """The extensions of a certificate. Raises CertificateError if they cannot be parsed; TLS could not read them either."""
    try:
        with _oddities_allowed():
            return list(certificate.extensions)
    except (ValueError, *UNREADABLE):
        name = certificate.subject.rfc4514_string()
        problem = f"holds a certificate ({name}) whose extensions cannot be read: make it anew"
        raise CertificateError(key, path, problem) from None


def day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "permission denied: let the user that runs the server read it"
    return (error.strerror or type(error).__name__).lower()


def _instead(content: bytes) -> str:
    if b"PRIVATE KEY-----" in content:
        return "holds a key and no certificate: were the two files exchanged?"
    if content[:1] == b"\x30":
        return "is not PEM but DER: convert it with `openssl x509 -inform der`"
    return "holds no certificate: it must be PEM, which begins with -----BEGIN CERTIFICATE-----"
