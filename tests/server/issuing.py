"""Certificate authorities, certificates and keys of all kinds, made when a test needs them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key: TypeAlias = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)

DAY = timedelta(days=1)
LOCAL = x509.SubjectAlternativeName(
    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


@dataclass(frozen=True)
class Issued:
    """A certificate with its key; `chain` is what a server of it sends, the certificate first."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def chain(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.above))

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    def write(self, certificate: Path, key: Path) -> None:
        certificate.write_bytes(self.chain)
        key.write_bytes(key_pem(self.key))


@dataclass(frozen=True)
class Authority:
    """Signs certificates; with `above` an intermediate one."""

    name: str = "An authority"
    begins: timedelta = -DAY
    ends: timedelta = 90 * DAY
    above: Authority | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        signer = self.above or self
        built = _builder(self.name, signer.name, self.key, self.begins, self.ends)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        object.__setattr__(self, "certificate", built.sign(signer.key, hashes.SHA256()))

    certificate: x509.Certificate = field(init=False)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        name: str = "localhost",
        *,
        begins: timedelta = -DAY,
        ends: timedelta = 60 * DAY,
        key: Key | None = None,
        names: x509.SubjectAlternativeName | None = LOCAL,
        more: x509.ExtensionType | None = None,
    ) -> Issued:
        """`more` is an extension that is critical."""
        own = key or new_key()
        built = _builder(name, self.name, own, begins, ends)
        if names is not None:
            built = built.add_extension(names, critical=False)
        if more is not None:
            built = built.add_extension(more, critical=True)
        certificate = built.sign(self.key, hashes.SHA256())
        return Issued(certificate, own, (self.certificate,) if self.above else ())


def _builder(name: str, issuer: str, key: Key, begins: timedelta, ends: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
