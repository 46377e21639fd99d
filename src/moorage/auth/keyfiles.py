"""The two kinds of key files: certificates in PEM (`rootcertbundle`), and a JWK Set (`jwks`, RFC 7517). They are read again when
they change.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from moorage.auth import jwk, strictjson
from moorage.auth.kept import Kept
from moorage.auth.keys import KeyWeak, TrustedKey, TrustedKeys, trusted
from moorage.auth.watched import Watched, name_of

log = logging.getLogger(__name__)

Refusal = Callable[[str], None]
"""Takes the reason why a key is not trusted. Either raises ValueError, or returns so that the other keys are used."""
Parse = Callable[[bytes, Refusal], TrustedKeys]
"""Parses the content of a file. Raises ValueError for content without a key."""

_BEGIN: Final = re.compile(rb"-----BEGIN (?:CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY)-----")
_BLOCK: Final = re.compile(
    rb"-----BEGIN (CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY)-----.+?-----END \1-----", re.DOTALL
)


def parse_bundle(content: bytes, refusal: Refusal) -> TrustedKeys:
    """The certificates and bare public keys of a bundle; other blocks are skipped, as in the reference. Raises ValueError."""
    keys: list[TrustedKey] = []
    roots: list[x509.Certificate] = []
    for number, block in enumerate(_BLOCK.finditer(content), 1):
        try:
            if block[1] == b"CERTIFICATE":
                certificate = x509.load_pem_x509_certificate(block[0])
                keys.append(trusted(certificate.public_key()))
                roots.append(certificate)
            else:
                keys.append(trusted(load_pem_public_key(block[0])))
        except KeyWeak as error:
            refusal(f"block {number} holds {error}")
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"block {number} cannot be read: {error}") from None
    if len(_BEGIN.findall(content)) > len(_BLOCK.findall(content)):
        raise ValueError("a block has no END line: it is damaged, or not written to its end yet")
    if not keys:
        raise ValueError(
            "has no certificate and no public key; put the PEM certificates of the token service there"
        )
    return TrustedKeys(keys, roots)


def parse_jwks(content: bytes, refusal: Refusal, *, secrets: bool = True) -> TrustedKeys:
    """The keys of a JWK Set; keys of an unknown kind or for another use are skipped (RFC 7517, section 5). `secrets`: whether
    the set may have symmetric keys, which a published set must not. Raises ValueError."""
    listed = strictjson.parse(content).get("keys")
    if not isinstance(listed, list):
        raise ValueError("is no JWK Set: it has no list of keys")
    keys: list[TrustedKey] = []
    for number, entry in enumerate(listed, 1):
        try:
            found = jwk.parse(entry, secrets=secrets)
        except ValueError as error:
            refusal(f"key {number}: {error}")
            continue
        if found is not None:
            keys.append(found)
    if not keys:
        raise ValueError("has no key that can verify a token")
    return TrustedKeys(keys)


def parse_public_jwks(content: bytes, refusal: Refusal) -> TrustedKeys:
    return parse_jwks(content, refusal, secrets=False)


class KeyFile:
    """The keys of a file. A key that is not trusted is an error at start; in a later change it is left out, and the other keys are
    in force."""

    def __init__(self, path: str, key: str, parse: Parse, kept: Kept | None = None) -> None:
        """`kept`: see Watched. Raises AuthError."""
        self._path, self._key = path, key
        in_force = kept is not None and kept.recall(name_of(path, key)) is not None
        self._refusal: Refusal = self._keep_out if in_force else _refuse
        self._file = Watched(path, key, lambda content: parse(content, self._refusal), kept)
        self._refusal = self._keep_out

    async def current(self) -> TrustedKeys:
        return self._file.current()

    async def newer(self) -> TrustedKeys:
        return self._file.current()

    async def close(self) -> None:
        """Nothing is open."""

    def _keep_out(self, reason: str) -> None:
        log.warning("a key is not trusted", extra={"key": self._key, "path": self._path, "reason": reason})


def _refuse(reason: str) -> None:
    raise ValueError(reason)
