"""The server's certificate and key, read from the files of `http.tls` and checked completely.

A worker can serve whatever passes these checks. Given anything else, Granian's worker ends without a message that an
operator understands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from moorage.config.sections.tls import Tls
from moorage.server import authorities, files, keys
from moorage.server.files import CertificateError, day

SOON: Final = timedelta(days=14)
CERTIFICATE: Final = "http.tls.certificate"
KEY: Final = "http.tls.key"
_KNOWN: Final = frozenset(
    (
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    )
)
"""Extensions that rustls handles when they are critical. It rejects a certificate with any other critical extension."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificate with its chain, the key, and the authorities of client certificates (empty if none), all in PEM.

    The certificate is valid until `expires`. From `changes` on, the same files give a different identity.
    """

    chain: bytes
    key: bytes
    authorities: bytes
    expires: datetime
    changes: datetime | None = None
    cautions: tuple[str, ...] = ()
    """Problems that do not prevent serving, but that an operator should know of."""

    def same_as(self, other: Identity) -> bool:
        """Whether clients see no difference between the two."""
        mine, others = ((one.chain, one.key, one.authorities) for one in (self, other))
        return mine == others


def load(tls: Tls, now: datetime, *, lapsed: bool = False) -> Identity:
    """Read and check the files. Raises CertificateError for the first problem found. `lapsed`: see `authorities.load`."""
    assert tls.certificate is not None
    assert tls.key is not None
    chain = files.certificates(CERTIFICATE, tls.certificate, files.read(CERTIFICATE, tls.certificate))
    key = keys.load(KEY, tls.key, files.read(KEY, tls.key))
    leaf = chain[0]
    _belongs(tls, key, chain)
    cautions = _look_at(tls.certificate, leaf, now)
    known = authorities.load(_asked_for(tls), now, lapsed=lapsed)
    return Identity(
        chain=b"".join(one.public_bytes(Encoding.PEM) for one in chain),
        key=keys.pem(key),
        authorities=known.pem,
        expires=leaf.not_valid_after_utc,
        changes=known.changes,
        cautions=(*cautions, *_out_of_order(tls.certificate, chain), *known.cautions),
    )


def soon_over(identity: Identity, path: str, now: datetime) -> str:
    """A log line if the certificate expires within SOON or has expired, else an empty string."""
    if now < identity.expires - SOON:
        return ""
    verb = "expired" if identity.expires <= now else "expires"
    return f"{CERTIFICATE}: {path} {verb} on {day(identity.expires)}: replace it and its key"


def _asked_for(tls: Tls) -> list[str]:
    """The authorities to verify clients with. `request-client-cert` accepts any certificate, which is the same as
    requesting none."""
    return [] if tls.clientauth == "request-client-cert" else tls.clientcas


def _belongs(tls: Tls, key: keys.Usable, chain: list[x509.Certificate]) -> None:
    assert tls.certificate is not None
    assert tls.key is not None
    if keys.belongs(key, chain[0]):
        return
    if any(keys.belongs(key, one) for one in chain[1:]):
        raise CertificateError(
            CERTIFICATE, tls.certificate, "must hold the server's certificate first, and then its authorities"
        )
    raise CertificateError(KEY, tls.key, f"is not the key of {tls.certificate} ({CERTIFICATE})")


def _out_of_order(path: str, chain: list[x509.Certificate]) -> list[str]:
    """A caution for the first certificate that the next one did not issue, going by the names: many clients find their way to
    a root in any order, but not all."""
    for one, above in pairwise(chain):
        if one.issuer != above.subject:
            names = [each.subject.rfc4514_string() or "a certificate without a name" for each in (one, above)]
            return [
                f"{CERTIFICATE}: {path} holds {names[0]} and then {names[1]}, which did not issue it: clients may find no "
                "way to a root"
            ]
    return []


def _look_at(path: str, leaf: x509.Certificate, now: datetime) -> list[str]:
    if leaf.version != x509.Version.v3:
        raise CertificateError(
            CERTIFICATE,
            path,
            "has the form of X.509 version 1, which clients refuse: make it with extensions",
        )
    if leaf.not_valid_after_utc <= now:
        raise CertificateError(
            CERTIFICATE, path, f"expired on {day(leaf.not_valid_after_utc)}: get a new one for it and its key"
        )
    if now < leaf.not_valid_before_utc:
        raise CertificateError(
            CERTIFICATE, path, f"is not valid before {day(leaf.not_valid_before_utc)}: is the clock right?"
        )
    return _extensions(path, leaf)


def _extensions(path: str, leaf: x509.Certificate) -> list[str]:
    found = files.extensions(CERTIFICATE, path, leaf)
    for one in found:
        if one.critical and one.oid not in _KNOWN:
            problem = (
                f"has a critical extension that cannot be heeded, {one.oid.dotted_string}: make it without"
            )
            raise CertificateError(CERTIFICATE, path, problem)
    if not any(one.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME for one in found):
        return [f"{CERTIFICATE}: {path} has no subjectAltName: Docker and most other clients will refuse it"]
    return []
