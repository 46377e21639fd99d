"""The authorities that are trusted to sign client certificates: `http.tls.clientcas`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from moorage.server import files
from moorage.server.files import CertificateError, day

KEY: Final = "http.tls.clientcas"
MOST_NAMES: Final = 60_000
"""Bytes of the names of all authorities. A server tells them to each client in one list of up to 65,535 (RFC 8446, section 4.2.4);
rustls writes a longer one with a false length, which no client understands."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The authorities that are valid now, joined (PEM).

    `changes`: when this set is going to change. `cautions`: which authorities were left out, and why.
    """

    pem: bytes = b""
    changes: datetime | None = None
    cautions: tuple[str, ...] = ()


def load(paths: Sequence[str], now: datetime, *, lapsed: bool = False) -> Authorities:
    """Read the authorities and leave out those that are expired or not valid yet: rustls does not check their dates.

    Raises CertificateError for a file without certificates, if no valid authority is left, and if there are too many. If they have `lapsed`
    while in use, no error is raised: no client certificate is accepted any more.
    """
    valid: dict[bytes, int] = {}
    changes: list[datetime] = []
    cautions: list[str] = []
    for path in paths:
        for one in files.certificates(KEY, path, files.read(KEY, path)):
            files.extensions(KEY, path, one)
            begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
            if begins <= now < ends:
                valid[one.public_bytes(Encoding.PEM)] = 2 + len(one.subject.public_bytes())
                changes.append(ends)
                continue
            if now < begins:
                changes.append(begins)
            when = f"is not valid before {day(begins)}" if now < begins else f"expired on {day(ends)}"
            cautions.append(f"{KEY}: {path} holds {_name(one)}, which {when}: its clients are refused")
    if paths and not valid:
        if not lapsed:
            raise CertificateError(KEY, ", ".join(paths), "holds no authority that is valid now: replace it")
        valid[_nobody(now)] = 0
    names = sum(valid.values())
    if names > MOST_NAMES:
        raise CertificateError(
            KEY,
            ", ".join(paths),
            f"hold too many authorities: their names have {names} bytes; {MOST_NAMES} are the most",
        )
    return Authorities(b"".join(valid), min(changes, default=None), tuple(cautions))


def _nobody(now: datetime) -> bytes:
    """An authority that can never sign anything, as its key is thrown away. rustls rejects an empty list."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now)
    )
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "an authority without a name"
