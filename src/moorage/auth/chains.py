"""Certificate chains in tokens (`x5c`, RFC 7515, section 4.1.6): the key of the first certificate counts if the chain leads to a
root.

The verifier of `cryptography` is not used, because it is made for web servers: it requires an extended key usage, and does not
support Ed25519. As in the reference, any key usage of the first certificate is accepted. Signatures are checked from the root
down, so no key is used in a computation before a trusted one has vouched for it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

from moorage.auth.fingerprints import PublicKey
from moorage.auth.keys import KeyUnknown, admitted

_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)


def leaf_key(chain: Sequence[str], roots: Sequence[x509.Certificate], now: float) -> tuple[PublicKey, float]:
    """The key of the first certificate, and until when the whole chain is valid. Each certificate must be issued by the next; the
    first that is a root itself ends the chain, else a root must have issued the last. Raises KeyUnknown when none has, and
    ValueError for an invalid chain."""
    certificates = [_parsed(one) for one in chain]
    try:
        path = _path(certificates, roots, now)
        return admitted(path[0].public_key()), min(_end(one) for one in path)
    except (ValueError, KeyUnknown):
        raise
    # Parts of a certificate are parsed lazily. Any error that this raises for untrusted input makes the chain invalid.
    except Exception as error:
        raise ValueError(f"a certificate of x5c cannot be used: {type(error).__name__}") from None


def _parsed(text: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except Exception as error:
        raise ValueError(f"a certificate of x5c cannot be read: {type(error).__name__}") from None


def _path(
    certificates: list[x509.Certificate], roots: Sequence[x509.Certificate], now: float
) -> list[x509.Certificate]:
    """The checked path from the first certificate to a root."""
    for index, one in enumerate(certificates):
        if one in roots:
            return _checked(certificates[: index + 1], now)
    refused: ValueError | None = None
    # Several roots may have the same name: an authority that has been renewed.
    for root in roots:
        if root.subject == certificates[-1].issuer:
            try:
                return _checked([*certificates, root], now)
            except ValueError as error:
                refused = error
    raise refused or KeyUnknown("x5c does not lead to a certificate of the bundle")


def _checked(path: list[x509.Certificate], now: float) -> list[x509.Certificate]:
    for one in path:
        _usable(one, now)
    for between, issuer in enumerate(path[1:]):
        _may_issue(issuer, between, is_root=issuer is path[-1])
    for issued, issuer in reversed(list(pairwise(path))):
        _issued_by(issued, issuer)
    return path


def _usable(certificate: x509.Certificate, now: float) -> None:
    if not certificate.not_valid_before_utc.timestamp() <= now <= _end(certificate):
        raise ValueError("a certificate of x5c is not valid now")
    for extension in certificate.extensions:
        # What a name constraint would mean for the subject of a token is not defined anywhere.
        constrained = extension.oid == ExtensionOID.NAME_CONSTRAINTS
        if constrained or (extension.critical and extension.oid not in _UNDERSTOOD):
            raise ValueError("a certificate of x5c has an extension that is not understood")


def _end(certificate: x509.Certificate) -> float:
    return certificate.not_valid_after_utc.timestamp()


def _may_issue(certificate: x509.Certificate, between: int, *, is_root: bool) -> None:
    """`between`: how many certificates are below, without the leaf (RFC 5280, section 4.2.1.9)."""
    if is_root and certificate.version is x509.Version.v1:
        return  # version 1 has no extensions; the operator vouches that it is an authority
    found = {type(one.value): one.value for one in certificate.extensions}
    constraints, usage = found.get(x509.BasicConstraints), found.get(x509.KeyUsage)
    if not isinstance(constraints, x509.BasicConstraints) or not constraints.ca:
        raise ValueError("a certificate of x5c is issued by one that is no authority")
    if constraints.path_length is not None and between > constraints.path_length:
        raise ValueError("x5c is longer than one of its certificates allows")
    if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
        raise ValueError("a certificate of x5c is issued by one that may not issue")


def _issued_by(issued: x509.Certificate, issuer: x509.Certificate) -> None:
    hashed = issued.signature_hash_algorithm
    if hashed is not None and hashed.name not in _HASHES:
        raise ValueError("a certificate of x5c is signed with a hash that is not SHA-2")
    admitted(issuer.public_key())
    try:
        issued.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, UnsupportedAlgorithm):
        raise ValueError("a certificate of x5c is not issued by the next") from None
