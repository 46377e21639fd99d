"""The key of a certificate: of a kind that rustls can sign with, and converted to PKCS #8."""

from __future__ import annotations

from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from moorage.server.files import CertificateError
from moorage.unreadable import UNREADABLE

_CURVES: Final = (SECP256R1, SECP384R1)
_RSA_BITS: Final = range(2048, 4096 + 1)
_ENCRYPTED: Final = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")
_RSA_EXPONENT: Final = 65537
_USABLE: Final = "use RSA with 2048 to 4096 bits, ECDSA on P-256 or P-384, or Ed25519"

Usable: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


def load(name: str, path: str, content: bytes) -> Usable:
    """Parse a key. Raises CertificateError if there is none, or if it is encrypted, damaged or of a kind that cannot be used."""
    if b"PRIVATE KEY-----" not in content:
        raise CertificateError(name, path, _instead(content))
    if any(mark in content for mark in _ENCRYPTED):
        raise CertificateError(
            name,
            path,
            "is encrypted, and nobody is there to type the password: decrypt it with `openssl pkey`",
        )
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, *UNREADABLE):
        # The library's message may quote the key.
        raise CertificateError(
            name, path, "holds a key that is damaged or of an unknown kind: make or copy it again"
        ) from None
    if problem := _unusable(key):
        raise CertificateError(name, path, f"holds {problem}: {_USABLE}")
    assert isinstance(key, Usable)
    return key


def belongs(key: Usable, certificate: x509.Certificate) -> bool:
    """Whether `key` is the key of this certificate."""
    try:
        return _public(certificate.public_key()) == _public(key.public_key())
    except (ValueError, *UNREADABLE):
        return False


def pem(key: Usable) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _unusable(key: object) -> str:
    if isinstance(key, RSAPrivateKey):
        if key.public_key().public_numbers().e < _RSA_EXPONENT:
            return f"an RSA key with an exponent below {_RSA_EXPONENT}"
        return "" if key.key_size in _RSA_BITS else f"an RSA key of {key.key_size} bits"
    if isinstance(key, EllipticCurvePrivateKey):
        return "" if isinstance(key.curve, _CURVES) else f"a key on the curve {key.curve.name}"
    return "" if isinstance(key, Ed25519PrivateKey) else "a key of another kind"


def _instead(content: bytes) -> str:
    if b"-----BEGIN CERTIFICATE-----" in content:
        return "holds a certificate and no key: were the two files exchanged?"
    return "holds no key: it must be PEM, which has a line -----BEGIN PRIVATE KEY----- or similar"
