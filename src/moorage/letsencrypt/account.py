"""The key of the account at the authority, stored where Go's autocert stores it. Holding the key means owning the account."""

from __future__ import annotations

import logging
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from moorage.letsencrypt.bundle import new_key, private_pem
from moorage.letsencrypt.cache import Cache

log = logging.getLogger(__name__)

NAMES = ("acme_account+key", "acme_account.key")
"""Names of the key's file. The second is the one of old versions of autocert, and is only read."""

AccountKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def account_key(cache: Cache) -> AccountKey:
    """The stored key, or a new one. The caller must hold `Cache.turn`. Raises CertificateError."""
    for name in NAMES:
        if (pem := cache.read(name)) is None:
            continue
        try:
            return _parse(pem)
        except ValueError:
            cache.set_aside(name)
    key = new_key()
    cache.write(NAMES[0], private_pem(key))
    log.info(
        "made a key for an account at the certificate authority", extra={"file": str(cache.path(NAMES[0]))}
    )
    return key


def _parse(pem: bytes) -> AccountKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("is encrypted or of an unknown kind") from error
    if isinstance(key, rsa.RSAPrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    ):
        return key
    raise ValueError("no key that signs for an account")
