"""Tokens with chains of certificates (`x5c`) that lead nowhere, are over, or are not what they say."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.auth.hostile import ROOT, SIGNER, STRANGER, Hostile, elliptic, leaf, root, signed
from tests.auth.tokens import (
    NOW,
    Private,
    base64url,
    certificate,
    ec_key,
    libtrust_kid,
    pem,
    rsa_key,
    spki,
    x5c,
)

OWN = STRANGER
"""The number of the key that the token is signed with, unless it says otherwise: what is wrong is the chain alone."""


def carrying(*chain: x509.Certificate, key: Private | None = None) -> str:
    return bearing(x5c(*chain), key)


def bearing(chain: object, key: Private | None = None) -> str:
    key = ec_key(OWN) if key is None else key
    algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
    return signed({"alg": algorithm, "x5c": chain}, key=key, alg=algorithm)


def issued(subject: str, key: Private, **changes: Any) -> x509.Certificate:
    """By the root."""
    return certificate(subject, key, "root", rsa_key(ROOT), **changes)


def middle(**changes: Any) -> x509.Certificate:
    return issued("middle", ec_key(5), **{"authority": True, **changes})


def last() -> x509.Certificate:
    return certificate("last", ec_key(OWN), "middle", ec_key(5))


def forged() -> Hostile:
    own = ec_key(OWN)
    yield "self-signed", carrying(certificate("leaf", own))
    yield "self-signed, called as the root", carrying(certificate("root", own, authority=True))
    yield "self-signed, then the root", carrying(certificate("leaf", own), root())
    for name, key in (("its own key", own), ("another RSA key", rsa_key(STRANGER))):
        fake = certificate("leaf", own, "root", key)
        yield f"in the name of the root by {name}", carrying(fake)
        yield f"in the name of the root by {name}, then the root", carrying(fake, root())
        yield f"of a false root with {name}", carrying(fake, certificate("root", key, authority=True))
    yield "the root's own, signed by another", carrying(root())
    yield "the root's own, signed by another RSA key", carrying(root(), key=rsa_key(STRANGER))
    yield "the signer's own, signed by another", carrying(elliptic())
    yield "a leaf whose key did not sign", carrying(leaf())
    yield "a leaf whose key did not sign, then the root", carrying(leaf(), root())
    elsewhere = certificate("elsewhere", ec_key(8), authority=True)
    yield "of another root", carrying(certificate("leaf", own, "elsewhere", ec_key(8)), elsewhere)
    chain = {"x5c": x5c(certificate("leaf", own))}
    kid = {"alg": "RS256", "kid": libtrust_kid(rsa_key(ROOT))}
    yield "self-signed, with a kid beside it that did sign", signed({**kid, **chain})
    other = ec_key(ROOT, ec.SECP384R1)
    yield "another alg than the leaf's", signed({"alg": "ES384", "x5c": x5c(leaf())}, key=other, alg="ES384")
    secret = spki(ec_key(SIGNER))
    yield (
        "HS256 with the leaf as the secret",
        signed({"alg": "HS256", "x5c": x5c(leaf())}, key=secret, alg="HS256"),
    )


def disordered() -> Hostile:
    yield "the wrong way round", carrying(middle(), last())
    yield "the root first", carrying(root(), middle(), last())
    yield "the middle missing", carrying(last())
    yield "the middle missing, the root there", carrying(last(), root())
    yield "another in between", carrying(last(), certificate("other", ec_key(6), authority=True), middle())
    yield "the leaf twice", carrying(last(), last(), middle())
    yield "nine certificates", carrying(*_linked(9))


def _linked(number: int) -> list[x509.Certificate]:
    """From the root down, each issued by the next."""
    chain: list[x509.Certificate] = []
    above: tuple[str, Private] = ("root", rsa_key(ROOT))
    for index in range(number, 0, -1):
        key = ec_key(OWN if index == 1 else 20 + index)
        chain.insert(0, certificate(f"link {index}", key, *above, authority=index > 1))
        above = (f"link {index}", key)
    return chain


def unfit() -> Hostile:
    own = ec_key(OWN)
    yield "over", carrying(issued("leaf", own, end=NOW - 1))
    yield "not yet", carrying(issued("leaf", own, start=NOW + 1))
    yield "long over", carrying(issued("leaf", own, start=NOW - 9e7, end=NOW - 8e7))
    yield "the middle over", carrying(last(), middle(end=NOW - 1))
    yield "the middle not yet", carrying(last(), middle(start=NOW + 1))
    yield "a weak key", carrying(issued("weak", rsa_key(7, 1024)), key=rsa_key(7, 1024))
    weak = issued("middle", rsa_key(7, 1024), authority=True)
    yield "the middle weak", carrying(certificate("last", own, "middle", rsa_key(7, 1024)), weak)
    koblitz = ec_key(7, ec.SECP256K1)
    yield "a curve of another kind", carrying(issued("leaf", koblitz), key=koblitz)
    yield "another hash", carrying(issued("leaf", own, hashed=hashes.SHA3_256()))
    yield "issued by one that is no authority", carrying(last(), middle(authority=False))
    no = [(x509.BasicConstraints(False, None), True)]
    yield (
        "issued by one that says it is no authority",
        carrying(last(), middle(authority=False, extensions=no)),
    )
    usage = [(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)]
    yield "issued by one that may not issue", carrying(last(), middle(extensions=usage))
    below = certificate("between", ec_key(6), "middle", ec_key(5), authority=True)
    deep = certificate("deep", own, "between", ec_key(6))
    yield "longer than is allowed", carrying(deep, below, middle(path_length=0))
    under = certificate("leaf", own, "signer", ec_key(ROOT))
    yield "issued by a signer that is no authority", carrying(under)
    yield "issued by a signer that is no authority, which is there", carrying(under, elliptic())
    for critical in (True, False):
        names = [(x509.NameConstraints([x509.DNSName("example.org")], None), critical)]
        yield f"bound to names, critical: {critical}", carrying(last(), middle(extensions=names))
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    yield "an extension that must be understood", carrying(issued("leaf", own, extensions=[(strange, True)]))


def garbled() -> Hostile:
    """The leaf's key did sign; that is what the header should say."""
    for value in _no_chains():
        yield f"x5c {value!r:.40}", bearing(value, ec_key(SIGNER))


def _no_chains() -> Iterator[object]:
    der = leaf().public_bytes(serialization.Encoding.DER)
    text = base64.b64encode(der).decode()
    yield from (None, "", text, [], {}, 1, True, [None], [1], [[]], [{}], [""], ["AA=="], ["not base64"])
    yield from (
        [text, None],
        [text, ""],
        [f"{text}\n"],
        [f" {text}"],
        [text[:-4]],
        [text[4:]],
        ["MIIB" * 900],
    )
    yield from ([pem(leaf()).decode()], [base64url(bytes(999)) + "-_"])
    for raw in (
        der + b"\0", b"\0" + der, b"\x30\x82\xff\xff" + der, der[:-1], der * 2, pem(leaf()), spki(ec_key(SIGNER)), bytes(999),
    ):  # fmt: skip
        yield [base64.b64encode(raw).decode()]
