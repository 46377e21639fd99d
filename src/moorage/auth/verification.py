"""Verification of tokens: the signature by a trusted key, then the claims, then the time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from joserfc.jwk import Key

from moorage.auth import claims, compact
from moorage.auth.base import AuthError
from moorage.auth.chains import leaf_key
from moorage.auth.claims import Claims
from moorage.auth.compact import Signed
from moorage.auth.keys import SUPPORTED, KeyUnknown, TrustedKeys, fits, signed_by
from moorage.auth.keysources import KeySource
from moorage.auth.verified import VerifiedTokens

LEEWAY_SECONDS: Final = 60.0
"""How much the clocks of the token service and of the registry may differ, as in the reference."""


class TokenRefused(Exception):
    """A token is not valid. The text gives the reason, and repeats nothing of the token."""


class TokenOver(TokenRefused):
    """A token has expired, and is valid otherwise. It was accepted between `start` and `end`, in seconds since 1970, leeway
    included."""

    def __init__(self, claims: Claims, start: float, end: float) -> None:
        self.claims = claims
        self.start = start
        self.end = end
        super().__init__("it has expired")


class Verifier:
    """Verifies tokens of one issuer.

    `service` must be in the audience. `algorithms`: empty for all that the reference knows. `read`: reads the claims, for tokens
    that are not those of a registry; `claims.read` by default. `chains`: whether `x5c` in the header counts. `clock`: seconds
    since 1970."""

    def __init__(
        self,
        issuer: str,
        service: str,
        algorithms: Sequence[str],
        keys: KeySource,
        *,
        read: Callable[[bytes], Claims] | None = None,
        chains: bool = True,
        leeway: float = LEEWAY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises AuthError for an unknown algorithm."""
        if unknown := [one for one in algorithms if one not in SUPPORTED]:
            raise AuthError(
                f"auth.token.signingalgorithms: {', '.join(unknown)} is not known; known are {', '.join(SUPPORTED)}"
            )
        self._read = read or (lambda payload: claims.read(payload, issuer, service))
        self._chains = chains
        self._algorithms = frozenset(algorithms or SUPPORTED)
        self._keys = keys
        self._leeway = leeway
        self._clock = clock
        self._verified = VerifiedTokens()

    async def verify(self, text: str) -> Claims:
        """Raises TokenRefused, TokenOver for a token that has expired but was valid, and Unreachable when there are no keys yet. A
        token that is too long costs no work."""
        if len(text) > compact.LONGEST or not text.isascii():
            raise TokenRefused("it is too long, or no token at all")
        keys, now = await self._keys.current(), self._clock()
        known = self._verified.get(text, keys, now)
        if known is not None:
            return known
        try:
            return await self._verify(text, keys, now)
        except (ValueError, KeyUnknown) as error:
            raise TokenRefused(str(error)) from None

    async def close(self) -> None:
        await self._keys.close()

    async def _verify(self, text: str, keys: TrustedKeys, now: float) -> Claims:
        signed = compact.split(text)
        if signed.algorithm not in self._algorithms:
            raise ValueError("its algorithm is not one of those that are allowed")
        try:
            end = _signed_until(signed, keys, now, self._chains)
        except KeyUnknown:
            keys = await self._keys.newer()
            end = _signed_until(signed, keys, now, self._chains)
        found = self._read(signed.payload)
        self._in_time(found, now)
        self._verified.put(text, keys, found, min(end, found.end + self._leeway))
        return found

    def _in_time(self, found: Claims, now: float) -> None:
        if found.start is not None and now < found.start - self._leeway:
            raise ValueError("it begins later")
        end = found.end + self._leeway
        if now > end:
            # Without nbf and iat, a token does not say when it began to be valid, so no upload counts as begun in its time.
            start = end if found.start is None else found.start - self._leeway
            raise TokenOver(found, start, end)


def _signed_until(signed: Signed, keys: TrustedKeys, now: float, chains: bool) -> float:
    """Until when the signature counts: a certificate may expire before the token does. Raises KeyUnknown when a key that is not
    known yet may have made the signature, else ValueError."""
    candidates: Sequence[Key]
    chain = signed.chain if chains else None
    if chain is None:
        candidates, end = keys.candidates(signed.algorithm, signed.kid), math.inf
    else:
        key, end = leaf_key(chain, keys.roots, now)
        candidates = [key] if fits(signed.algorithm, key) else []
    if any(signed_by(key, signed.algorithm, signed.statement, signed.signature) for key in candidates):
        return end
    if chain is None and signed.kid is None:
        raise KeyUnknown("no trusted key made its signature")
    told = "its signature is false, or its algorithm does not fit its key"
    if chain is None and signed.kid is not None and keys.may_replace(signed.kid):
        raise KeyUnknown(told)
    raise ValueError(told)
