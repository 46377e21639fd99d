"""Whether an ID token is right, and who it is for (OpenID Connect Core 1.0, section 3.1.3.7).

Signature, issuer, audience and time are judged as for tokens of a registry; what else it says is read by a `ClaimMapping`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from moorage.auth import claims, compact, strictjson
from moorage.auth.claims import Claims
from moorage.auth.compact import Signed
from moorage.auth.keys import SUPPORTED, KeyUnknown, TrustedKeys, signed_by
from moorage.auth.keysources import KeySource
from moorage.auth.mapping import ClaimMapping
from moorage.auth.verification import LEEWAY_SECONDS, TokenOver, TokenRefused
from moorage.auth.verified import VerifiedTokens

ALGORITHMS: Final = tuple(one for one in SUPPORTED if not one.startswith("HS"))
"""Without secrets: whoever shares one with the provider could make its tokens."""

_JUDGED: Final = ("iss", "aud", "exp", "nbf", "iat")
_ELSE: Final = {
    "access": "a token of a registry",
    "cnf": "bound to a key that does not come with it (RFC 7800)",
    "events": "a message of the provider (RFC 8417)",
}
"""Claims that no ID token has: what is signed by the same key, for the same audience, but means something else."""


class IdTokens:
    """`audience` must be in the audience. `clock`: seconds since 1970."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        mapping: ClaimMapping,
        keys: KeySource,
        *,
        algorithms: Sequence[str] = ALGORITHMS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._mapping = mapping
        self._keys = keys
        self._algorithms = frozenset(algorithms)
        self._clock = clock
        self._verified = VerifiedTokens()

    async def verify(self, text: str) -> Claims:
        """With the user as the subject, and no access. Raises TokenRefused, TokenOver for one that was right, and Unreachable
        when there are no keys to judge by. One that is too long costs nothing."""
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
            _check_signature(signed, keys)
        except KeyUnknown:
            keys = await self._keys.newer()
            _check_signature(signed, keys)
        found = read(signed.payload, self._issuer, self._audience, self._mapping)
        if found.start is not None and now < found.start - LEEWAY_SECONDS:
            raise ValueError("it begins later")
        end = found.end + LEEWAY_SECONDS
        if now > end:
            raise TokenOver(found, end if found.start is None else found.start - LEEWAY_SECONDS, end)
        self._verified.put(text, keys, found, end)
        return found


def read(payload: bytes, issuer: str, audience: str, mapping: ClaimMapping) -> Claims:
    """Raises ValueError."""
    said = strictjson.parse(payload)
    for name, what in _ELSE.items():
        if name in said:
            raise ValueError(f"it is no ID token but {what}")
    # The others may have any form here, and must not be taken for those of a registry's token.
    judged = json.dumps({name: said[name] for name in _JUDGED if name in said}).encode()
    found = claims.read(judged, issuer, audience)
    mapping.check(said)
    return replace(found, subject=mapping.user(said), groups=mapping.groups(said))


def _check_signature(signed: Signed, keys: TrustedKeys) -> None:
    """Raises KeyUnknown when a newer key might have made it, else ValueError. `x5c` is left alone: the provider's set of keys
    says which are its own."""
    candidates = keys.candidates(signed.algorithm, signed.kid)
    if any(signed_by(key, signed.algorithm, signed.statement, signed.signature) for key in candidates):
        return
    if signed.kid is None:
        raise KeyUnknown("no key of the provider made its signature")
    raise ValueError("its signature is false, or its algorithm does not fit its key")
