"""The file that is served: a private key and its certificate chain, in PEM, as Go's autocert writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from moorage.letsencrypt.hosts import matches
from moorage.pem import is_whole
from moorage.unreadable import UNREADABLE


@dataclass(frozen=True)
class Bundle:
    """A key and its certificate chain. `pem` is the whole file. Names and times (with time zone) are those of the leaf certificate."""

    pem: bytes
    names: tuple[str, ...]
    since: datetime
    until: datetime

    @property
    def due(self) -> datetime:
        """When to renew the certificate: when a third of its lifetime is left."""
        return self.until - (self.until - self.since) / 3

    def covers(self, hosts: Iterable[str]) -> bool:
        return all(any(matches(name, host) for name in self.names) for host in hosts)


def parse(pem: bytes) -> Bundle:
    """Parse a file. Raises ValueError if it is not a private key with the chain of its certificate."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the private key is encrypted or of an unknown kind") from error
    try:
        chain = x509.load_pem_x509_certificates(pem)
        leaf = chain[0]
        belongs = key.public_key() == leaf.public_key()
        found = Bundle(pem, _names(leaf), leaf.not_valid_before_utc, leaf.not_valid_after_utc)
    except UNREADABLE as error:
        raise ValueError("the certificate is damaged or of an unknown kind") from error
    if not is_whole(pem, len(chain)):
        raise ValueError("the chain is damaged")
    if not belongs:
        raise ValueError("the certificate is not for the private key")
    return found


def join(key: ec.EllipticCurvePrivateKey, chain: bytes) -> Bundle:
    """Join a key with the chain that an authority sent for it. Raises ValueError if they do not belong together."""
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except UNREADABLE as error:
        raise ValueError("the chain is damaged") from error
    pem = private_pem(key) + b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
    return parse(pem)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key in the format that autocert reads: EC PRIVATE KEY."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def signing_request(key: ec.EllipticCurvePrivateKey, hosts: Iterable[str]) -> bytes:
    """A request (PEM) for one certificate that covers all hosts."""
    alternatives = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return (
        builder.add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))
