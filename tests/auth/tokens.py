"""Keys, certificates and signed tokens, made without the code that reads them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

ISSUER, SERVICE = "auth.example.org", "registry.example.org"
NOW: Final = 1_800_000_000.0
"""What the clocks of the tests say."""
GONE: Final = object()
"""A claim or a member of the header that is left out."""

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Secret = bytes


def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same for the same number, while the tests run; so with the others."""
    return _rsa_key(number, bits)


def ec_key(number: int = 0, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return _ec_key(number, curve)


def ed_key(number: int = 0) -> ed25519.Ed25519PrivateKey:
    return _ed_key(number)


@cache
def _rsa_key(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def _ec_key(number: int, curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def _ed_key(number: int) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


SECRET: Final[Secret] = bytes(range(64))


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def algorithm_of(key: Private | Secret) -> str:
    """The usual one for such a key."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {256: "ES256", 384: "ES384", 521: "ES512"}[key.curve.key_size]
    if isinstance(key, bytes):
        return "HS256"
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "EdDSA"


def sign(key: Private | Secret, algorithm: str, statement: bytes) -> bytes:
    """RFC 7518, section 3, and RFC 8037, section 3.1."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(statement)
    bits = int(algorithm[2:])
    if isinstance(key, bytes):
        return hmac.digest(key, statement, f"sha{bits}")
    hashed = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}[bits]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(statement, ec.ECDSA(hashed)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if algorithm.startswith("PS"):
        return key.sign(statement, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
    return key.sign(statement, padding.PKCS1v15(), hashed)


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token for `team/app`, which began ten seconds ago and lasts five minutes."""
    return changed(
        {
            "iss": ISSUER,
            "sub": "ada",
            "aud": SERVICE,
            "exp": int(NOW) + 300,
            "nbf": int(NOW) - 10,
            "iat": int(NOW) - 10,
            "jti": "tYJCO1c6cnyy7kAn0c7rKPgbV1H1bFws",
            "access": [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}],
        },
        changes,
    )


def changed(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **changes}.items() if value is not GONE}


def compact(header: object, payload: object, key: Private | Secret, algorithm: str) -> str:
    """Header and payload as they are if they are bytes, else as JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    statement = ".".join(base64url(part) for part in parts)
    return f"{statement}.{base64url(sign(key, algorithm, statement.encode()))}"


def token(key: Private | Secret, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A good one but for the changes; signed with the algorithm that its key asks for, whatever the header says."""
    algorithm = algorithm_of(key)
    return compact(changed({"typ": "JWT", "alg": algorithm}, header or {}), claims(**changes), key, algorithm)


def spki(key: Private) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_pem(key: Private) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def libtrust_kid(key: Private) -> str:
    """As the JWT page of the reference defines it."""
    text = base64.b32encode(hashlib.sha256(spki(key)).digest()[: 240 // 8]).decode().rstrip("=")
    return ":".join(text[group * 4 : group * 4 + 4] for group in range(12))


def jwk(key: Private | Secret, **members: Any) -> dict[str, Any]:
    """The public part, or the secret."""
    if isinstance(key, bytes):
        found: dict[str, Any] = {"kty": "oct", "k": base64url(key)}
    elif isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        found = {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        point = key.public_key().public_numbers()
        curve = {256: "P-256", 384: "P-384", 521: "P-521"}[key.curve.key_size]
        found = {"kty": "EC", "crv": curve, "x": _integer(point.x, size), "y": _integer(point.y, size)}
    else:
        found = {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().public_bytes_raw())}
    return {**found, **members}


def _integer(number: int, size: int = 0) -> str:
    return base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def jwks(*keys: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def thumbprint(key: Private) -> str:
    """RFC 7638, section 3."""
    required = dict(sorted(jwk(key).items()))
    return base64url(hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest())


def certificate(
    subject: str,
    key: Private,
    issuer: str | None = None,
    issuer_key: Private | None = None,
    *,
    authority: bool = False,
    path_length: int | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    start: float = NOW - 86_400,
    end: float = NOW + 86_400,
    hashed: hashes.SHA256 | hashes.SHA3_256 | None = None,
) -> x509.Certificate:
    """Self-signed without `issuer`. `extensions` come with whether they are critical."""
    signer = issuer_key or key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer or subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(start))
        .not_valid_after(_time(end))
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey)
    return builder.sign(signer, None if edwards else hashed or hashes.SHA256())


def version_1(made: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The same as of the first version of X.509, which knows no extensions; `made` has none."""
    tbs = made.tbs_certificate_bytes
    content = tbs[2 + (tbs[1] & 0x7F if tbs[1] & 0x80 else 0) :].removeprefix(bytes.fromhex("a003020102"))
    statement = _der(0x30, content)
    signature = _der(0x03, b"\0" + signer.sign(statement, ec.ECDSA(hashes.SHA256())))
    ecdsa_with_sha256 = bytes.fromhex("300a06082a8648ce3d040302")
    return x509.load_der_x509_certificate(_der(0x30, statement + ecdsa_with_sha256 + signature))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = (size.bit_length() + 7) // 8
    length = bytes([size]) if size < 0x80 else bytes([0x80 | octets]) + size.to_bytes(octets, "big")
    return bytes([tag]) + length + content


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def x5c(*certificates: x509.Certificate) -> list[str]:
    return [base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in certificates]
