"""Which keys are trusted, what they are called, and what they may have signed; and files of them that change."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from moorage.auth.keyfiles import parse_bundle, parse_jwks, parse_public_jwks
from moorage.auth.keys import MOST_TRIED, SUPPORTED, KeyUnknown, KeyWeak, TrustedKeys, admitted
from tests.auth.keystore import trusting
from tests.auth.tokens import (
    SECRET,
    Private,
    algorithm_of,
    base64url,
    certificate,
    ec_key,
    ed_key,
    jwk,
    jwks,
    libtrust_kid,
    pem,
    public_pem,
    rsa_key,
    thumbprint,
)

RFC_7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
    "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h"
    "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
"""The key of section 3.1, and its thumbprint."""
RFC_7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

SPECIFICATION = {
    "kty": "EC",
    "crv": "P-256",
    "x": "m7zUpx3b-zmVE5cymSs64POG9QcyEpJaYCD82-549_Q",
    "y": "dU3biz8sZ_8GPB-odm8Wxz3lNDr1xcAQQPQaOcr1fmc",
}
"""The key of the example in Docker Registry, "Token authentication implementation"."""
SPECIFICATION_KID = "PYYO:TEWU:V7JH:26JV:AQTZ:LJC3:SXVJ:XGHA:34F2:2LAQ:ZRMK:Z7Q6"


def refusing(reason: str) -> None:
    raise ValueError(reason)


def called(keys: TrustedKeys, kid: str | None, algorithm: str) -> int:
    """How many keys are candidates; -1 when none has that name."""
    try:
        return len(keys.candidates(algorithm, kid))
    except KeyUnknown:
        return -1


def test_the_key_of_the_rfc_has_the_thumbprint_of_the_rfc() -> None:
    keys = parse_jwks(jwks(RFC_7638), refusing)
    assert called(keys, RFC_7638_THUMBPRINT, "RS256") == 1
    assert called(keys, "2011-04-29", "RS256") == 1
    assert called(keys, "2011-04-30", "RS256") == -1


def test_the_key_of_the_specification_has_the_fingerprint_of_the_specification() -> None:
    assert called(parse_jwks(jwks(SPECIFICATION), refusing), SPECIFICATION_KID, "ES256") == 1


@pytest.mark.parametrize(
    "key", [rsa_key(), ec_key(), ec_key(0, ec.SECP384R1), ec_key(0, ec.SECP521R1), ed_key()], ids=lambda key: type(key).__name__
)  # fmt: skip
def test_a_key_of_the_bundle_is_called_by_fingerprint_and_thumbprint(key: Private) -> None:
    algorithm = algorithm_of(key)
    for content in (pem(certificate("signer", key)), public_pem(key)):
        keys = parse_bundle(content, refusing)
        for kid in (libtrust_kid(key), thumbprint(key), None):
            assert called(keys, kid, algorithm) == 1, kid
        for kid in (libtrust_kid(rsa_key(9)), libtrust_kid(key).lower(), thumbprint(key) + "=", "", "signer"):
            assert called(keys, kid, algorithm) == -1, kid


@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
def test_thumbprints_that_others_make_by_mistake_select_too(curve: type[ec.EllipticCurve]) -> None:
    """Of the base point in place of the key, and without zeros in front; a key is looked for that has such zeros."""
    key = next(
        key
        for number in range(100_000)
        if (key := ec.derive_private_key(number + 2, curve())).public_key().public_numbers().x
        >> (curve().key_size - 1) // 8 * 8
        == 0
    )
    keys = trusting(key.public_key())
    algorithm = {256: "ES256", 384: "ES384", 521: "ES512"}[curve().key_size]
    for point in (key, ec.derive_private_key(1, curve())):
        numbers = point.public_key().public_numbers()
        members = {
            name: base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
            for name, number in (("x", numbers.x), ("y", numbers.y))
        }
        text = json.dumps({"crv": jwk(key)["crv"], "kty": "EC", **members}, separators=(",", ":"))
        assert called(keys, base64url(hashlib.sha256(text.encode()).digest()), algorithm) == 1
    assert called(keys, thumbprint(key), algorithm) == 1


def test_a_key_fits_the_algorithms_of_its_kind() -> None:
    rsa = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    for key, fitting in (
        (jwk(rsa_key()), rsa),
        (jwk(rsa_key(), alg="PS384"), {"PS384"}),
        (jwk(ec_key()), {"ES256"}),
        (jwk(ec_key(0, ec.SECP384R1)), {"ES384"}),
        (jwk(ec_key(0, ec.SECP521R1)), {"ES512"}),
        (jwk(ed_key()), {"EdDSA"}),
        (jwk(ed_key(), use="sig", key_ops=["verify"]), {"EdDSA"}),
        (jwk(SECRET[:32]), {"HS256"}),
        (jwk(SECRET[:48]), {"HS256", "HS384"}),
        (jwk(SECRET), {"HS256", "HS384", "HS512"}),
        (jwk(SECRET, alg="HS384", key_ops=["sign", "verify"]), {"HS384"}),
    ):
        keys = parse_jwks(jwks({**key, "kid": "k"}), refusing)
        for kid in (None, "k"):
            assert {name for name in SUPPORTED if called(keys, kid, name)} == fitting, key


def test_without_a_kid_only_so_many_keys_are_tried() -> None:
    keys = trusting(*(ed25519.Ed25519PrivateKey.generate().public_key() for _ in range(MOST_TRIED + 5)))
    assert called(keys, None, "EdDSA") == MOST_TRIED


def test_keys_of_one_name_are_all_tried() -> None:
    keys = parse_jwks(
        jwks(jwk(ec_key(1), kid="now"), jwk(rsa_key(), kid="now"), jwk(ec_key(2), kid="now")), refusing
    )
    assert called(keys, "now", "ES256") == 2
    assert called(keys, "now", "RS256") == 1


def test_keys_for_something_else_are_passed_over() -> None:
    """So that a set of a large service can be used as it is."""
    others = (
        jwk(rsa_key(1), use="enc"),
        jwk(rsa_key(1), alg="RSA-OAEP"),
        jwk(ec_key(1), key_ops=["sign"]),
        jwk(ec_key(1), alg="ES256K"),
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": base64url(bytes(32))},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
    )
    keys = parse_jwks(jwks(*others, jwk(ec_key(), kid="mine")), refusing)
    assert len(keys.keys) == 1
    assert called(keys, "mine", "ES256") == 1


def test_private_members_are_not_kept() -> None:
    number = ec_key().private_numbers().private_value
    keys = parse_jwks(jwks(jwk(ec_key(), d=base64url(number.to_bytes(32, "big")))), refusing)
    assert not keys.keys[0].key.is_private
    assert called(keys, libtrust_kid(ec_key()), "ES256") == 1


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (jwk(rsa_key(7, 1024)), "key 1: an RSA key of 1024 bits; 2048 are the least"),
        (jwk(SECRET[:31]), "key 1: a secret of 31 bytes; 32 are the least"),
        (jwk(public_pem(rsa_key())), "a public key, which everybody knows, as a secret"),
        (jwk(b"x" * 32 + public_pem(ec_key())), "a public key, which everybody knows, as a secret"),
        (jwk(b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"), "a public key, which everybody knows, as a secret"),
    ],
)
def test_a_weak_key_of_a_set_is_refused(key: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_jwks(jwks(jwk(ec_key()), key) if "key 1" not in reason else jwks(key), refusing)
    told: list[str] = []
    assert len(parse_jwks(jwks(jwk(ec_key()), key), told.append).keys) == 1
    assert len(told) == 1


def test_a_secret_in_a_set_that_others_can_read_is_refused() -> None:
    told: list[str] = []
    keys = parse_public_jwks(jwks(jwk(SECRET, kid="secret"), jwk(ec_key())), told.append)
    assert called(keys, "secret", "HS256") == -1
    assert called(keys, None, "HS256") == 0
    assert told == ["key 1: a secret in what others can read; it belongs in a file"]


NO_KEYS: list[Any] = [
    None, 1, "x", [], {}, {"kty": None}, {"kty": 1}, {"kty": "EC"}, {"kty": "RSA"}, {"kty": "oct"}, {"kty": "OKP", "crv": "Ed25519"},
    {"kty": "nothing"}, jwk(ec_key(), x=1), jwk(ec_key(), x="AA"), jwk(ec_key(), x="="), jwk(ec_key(), y=jwk(ec_key())["x"]),
    jwk(ec_key(), crv="P-384"), jwk(ec_key(), crv=["P-256"]), jwk(ec_key(), kid=1), jwk(ec_key(), kid=None), jwk(ec_key(), alg=1),
    jwk(ec_key(), alg=[]), jwk(ec_key(), use=[]), jwk(ec_key(), key_ops="verify"), jwk(ed_key(), x=base64url(bytes(31))),
    jwk(ed_key(), crv="P-256"), jwk(rsa_key(), e="AA"), jwk(rsa_key(), e="AQ"), jwk(rsa_key(), e=""), jwk(rsa_key(), n=""),
    jwk(rsa_key(), n="A" * 400), jwk(rsa_key(), n=None), jwk(SECRET, k=None), jwk(SECRET, k="!" * 50), jwk(b""),
]  # fmt: skip
BROKEN = [
    b"", b"{", b"[]", b"null", b"\xff", b'{"keys": null}', b'{"keys": {}}', b'{"keys": []}', b'{"keys": [], "keys": []}', b"[" * 90_000,
    pem(certificate("signer", ec_key())), *(jwks(key) for key in NO_KEYS),
]  # fmt: skip


def test_what_is_no_set_of_keys_is_refused() -> None:
    for content in BROKEN:
        for refusal in (refusing, lambda reason: None):
            with pytest.raises(ValueError):  # noqa: PT011 - that of the JSON parser too
                parse_jwks(content, refusal)


def test_a_bundle_has_certificates_and_keys_and_what_else_is_in_it_does_not_matter() -> None:
    pkcs1 = rsa_key(1).public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    parts = (b"# our keys\n", pem(certificate("one", ec_key()), certificate("two", ed_key())), b"\n\n", pkcs1, public_pem(ec_key(1)),
             b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n")  # fmt: skip
    for end in (b"\n", b"\r\n"):
        keys = parse_bundle(b"".join(parts).replace(b"\n", end), refusing)
        assert len(keys.roots) == 2
        for key in (ec_key(), ed_key(), rsa_key(1), ec_key(1)):
            assert libtrust_kid(key) in {name for one in keys.keys for name in one.names}


def test_a_bundle_that_cannot_be_used_is_refused() -> None:
    nothing = "has no certificate and no public key"
    cut = public_pem(ec_key())[:80] + b"\n-----END PUBLIC KEY-----"
    for content, reason in (
        (b"", nothing),
        (b"ssh-rsa AAAA", nothing),
        (jwks(jwk(ec_key())), nothing),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "block 1 cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "block 1 cannot be read"),
        (pem(certificate("one", ec_key())) + cut, "block 2 cannot be read"),
        (
            pem(certificate("weak", rsa_key(7, 1024))),
            "block 1 holds an RSA key of 1024 bits; 2048 are the least",
        ),
        (public_pem(ec_key(7, ec.SECP256K1)), "block 1 cannot be read: a key of a kind that signs no tokens"),
    ):
        with pytest.raises(ValueError, match=reason):
            parse_bundle(content, refusing)


def test_keys_of_other_kinds_are_not_admitted() -> None:
    admitted(ed448.Ed448PrivateKey.generate().public_key())
    for public in (
        x25519.X25519PrivateKey.generate().public_key(),
        dsa.generate_private_key(1024).public_key(),
        ec_key(),
        b"key",
        None,
    ):
        with pytest.raises(ValueError, match="a kind that signs no tokens"):
            admitted(public)
    with pytest.raises(KeyWeak):
        admitted(rsa_key(7, 1024).public_key())
