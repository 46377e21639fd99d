"""The trusted keys, and which of them may have signed a token.

The header of a token only ever selects among the keys. `kid` is looked up among their names (`fingerprints`, and the `kid` of a
JWK Set); without it, each key that fits the algorithm is tried. An unknown `kid` is refused, as in versions 2 and 3 of the
reference, so no existing tokens depend on its being ignored. Unlike in the reference, a token does not need a `kid`, and `jwk` is
ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwa import JWS_ALGORITHMS, JWSAlgModel
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from moorage.auth.fingerprints import PublicKey, names_of

SUPPORTED: Final = (
    "EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
    "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
)  # fmt: skip
"""The algorithms of the reference, without `none`."""

LEAST_RSA_BITS: Final = 2048
LEAST_SECRET_BYTES: Final = 32
MOST_TRIED: Final = 32
"""The most keys that are tried for one token, so that its cost is bounded."""

_ALGORITHMS: Final[dict[str, JWSAlgModel]] = {
    one.name: one for one in JWS_ALGORITHMS if one.name in SUPPORTED
}
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})


class KeyUnknown(Exception):
    """No trusted key has the name, or none of them made the signature; newer keys might."""


class KeyWeak(ValueError):
    """A key could be used, but must not be. The operator has to be informed."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    key: Key
    names: frozenset[str]


class TrustedKeys:
    """An immutable set of trusted keys. `roots`: the certificates at which a chain (`x5c`) may end."""

    def __init__(self, keys: Iterable[TrustedKey], roots: Iterable[x509.Certificate] = ()) -> None:
        self.keys = tuple(keys)
        self.roots = tuple(roots)
        self._fitting = {
            algorithm: tuple(one.key for one in self.keys if fits(algorithm, one.key))
            for algorithm in SUPPORTED
        }
        self._named: dict[str, tuple[Key, ...]] = {}
        for one in self.keys:
            for name in one.names:
                self._named[name] = (*self._named.get(name, ()), one.key)

    def candidates(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        """The keys named `kid` that fit the algorithm; without `kid`, all that fit. Raises KeyUnknown if no key has the name."""
        if kid is None:
            return self._fitting[algorithm][:MOST_TRIED]
        named = self._named.get(kid)
        if named is None:
            raise KeyUnknown("no trusted key is called by its kid")
        return tuple(key for key in named if fits(algorithm, key))[:MOST_TRIED]

    def may_replace(self, kid: str) -> bool:
        """Whether a later key may take this name of a key: one that was given to it, and does not follow from the key itself."""
        named = self._named.get(kid, ())[:MOST_TRIED]
        return not any(kid in names_of(key) for key in named if not isinstance(key, OctKey))


def trusted(public: object) -> TrustedKey:
    """A public key with the names that follow from it. Raises ValueError."""
    key = admitted(public)
    return TrustedKey(key, names_of(key))


def admitted(public: object) -> PublicKey:
    """A public key of `cryptography`, if it may be used. Raises KeyWeak, and ValueError for a kind that signs no tokens."""
    if isinstance(public, RSAPublicKey):
        if public.key_size < LEAST_RSA_BITS:
            raise KeyWeak(f"an RSA key of {public.key_size} bits; {LEAST_RSA_BITS} are the least")
        return RSAKey.import_key(public)
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return ECKey.import_key(public)
    if isinstance(public, Ed25519PublicKey | Ed448PublicKey):
        return OKPKey.import_key(public)
    raise ValueError("a key of a kind that signs no tokens")


def fits(algorithm: str, key: Key) -> bool:
    """Whether the algorithm fits the key's type and curve, and the purpose in its JWK (`use`, `key_ops`, `alg`). A secret must be
    at least as long as the hash (RFC 7518, section 3.2); a public key never fits as a secret."""
    model = _ALGORITHMS[algorithm]
    try:
        model.check_key(key)
        key.check_key_op("verify")
    except JoseError:
        return False
    return not isinstance(key, OctKey) or len(key.raw_value) * 8 >= model.algorithm_security


def signed_by(key: Key, algorithm: str, statement: bytes, signature: bytes) -> bool:
    """Whether the key, which must fit the algorithm, made the signature."""
    return _ALGORITHMS[algorithm].verify(statement, signature, key)
