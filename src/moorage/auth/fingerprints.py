"""The names by which the `kid` of a token may refer to a key that has no name of its own. A `kid` only selects among trusted keys,
so a name that several keys share does no harm.
"""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OKPKey, RSAKey

from moorage.auth import base64url

PublicKey = RSAKey | ECKey | OKPKey


def names_of(key: PublicKey) -> frozenset[str]:
    """All names of a key: that of version 2 of the reference, those of version 3, and that of RFC 7638."""
    found = {libtrust(key), key.thumbprint()}
    if isinstance(key, ECKey):
        found |= _mistaken(key)
    return frozenset(found)


def libtrust(key: PublicKey) -> str:
    """The first 240 bits of the SHA-256 of the DER form (SubjectPublicKeyInfo) in base32, in twelve groups of four."""
    der = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode("ascii")
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))


def _mistaken(key: ECKey) -> set[str]:
    """Thumbprints (RFC 7638) of elliptic keys as common programs compute them by mistake. Version 3.0 of the reference and
    docker_auth use the base point of the curve instead of the key; 3.1 omits leading zeros of a coordinate."""
    base_point = ec.derive_private_key(1, key.public_key.curve).public_key()
    return {_shortened(key.curve_name, key.public_key), _shortened(key.curve_name, base_point)}


def _shortened(curve: str, point: ec.EllipticCurvePublicKey) -> str:
    numbers, size = point.public_numbers(), (point.key_size + 7) // 8
    x, y = (base64url.encode(number.to_bytes(size, "big").lstrip(b"\0")) for number in (numbers.x, numbers.y))
    members = json.dumps({"crv": curve, "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(members.encode()).digest())
