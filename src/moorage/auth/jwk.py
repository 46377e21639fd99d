"""One JSON Web Key of a set (RFC 7517, section 4), for verifying tokens. Private members are ignored."""

from __future__ import annotations

from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, OctKey

from moorage.auth import base64url
from moorage.auth.fingerprints import names_of
from moorage.auth.keys import LEAST_RSA_BITS, LEAST_SECRET_BYTES, SUPPORTED, KeyWeak, TrustedKey

_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}
_CURVES: Final = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519", "Ed448")}
_MARKS_OF_KEYS: Final = (b"BEGIN ", b"ssh-", b"ecdsa-sha2-")


def parse(entry: object, *, secrets: bool) -> TrustedKey | None:
    """The key of an entry; None for a key of an unknown type or curve, and for one whose use is not to verify tokens. `secrets`:
    whether the key may be symmetric. Raises ValueError for a key that cannot be read or must not be used."""
    if not isinstance(entry, dict) or not isinstance(entry.get("kty"), str):
        raise ValueError("no key, but something without a kty")
    if not _verifies(entry):
        return None
    try:
        members: dict[str, Any] = {name: _text(entry, name) for name in ("kty", *_MEMBERS[entry["kty"]])}
        _strong(members, secrets=secrets)
        key = JWKRegistry.import_key(members | ({"alg": entry["alg"]} if "alg" in entry else {}))
    except (JoseError, TypeError, OverflowError, UnsupportedAlgorithm) as error:
        raise ValueError(f"no {entry['kty']} key: {error}") from None
    own = {_text(entry, "kid")} if "kid" in entry else set()
    # A secret has no thumbprint as a name, because that would be a hash of the secret.
    return TrustedKey(key, frozenset(own) if isinstance(key, OctKey) else names_of(key) | own)


def _verifies(entry: dict[str, Any]) -> bool:
    kind, operations = entry["kty"], entry.get("key_ops", ["verify"])
    return (
        kind in _MEMBERS
        and (kind not in _CURVES or entry.get("crv") in _CURVES[kind])
        and entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and entry.get("alg", SUPPORTED[0]) in SUPPORTED
    )


def _strong(members: dict[str, str], *, secrets: bool) -> None:
    if members["kty"] == "RSA":
        bits = int.from_bytes(base64url.decode(members["n"]), "big").bit_length()
        if bits < LEAST_RSA_BITS:
            raise KeyWeak(f"an RSA key of {bits} bits; {LEAST_RSA_BITS} are the least")
    if members["kty"] == "oct":
        secret = base64url.decode(members["k"])
        if not secrets:
            raise ValueError("a secret in what others can read; it belongs in a file")
        if len(secret) < LEAST_SECRET_BYTES:
            raise KeyWeak(f"a secret of {len(secret)} bytes; {LEAST_SECRET_BYTES} are the least")
        if any(mark in secret for mark in _MARKS_OF_KEYS):
            raise KeyWeak("a public key, which everybody knows, as a secret")


def _text(entry: dict[str, object], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value
