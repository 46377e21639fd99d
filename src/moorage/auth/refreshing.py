"""Refresh tokens: with one, a client gets new access tokens without the password, until the password changes.

They are signed like access tokens, but for another audience, so neither is ever accepted as the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from moorage.auth.signing import SigningKeys
from moorage.auth.signingkey import ALGORITHM
from moorage.auth.stamps import Stamps, new_id, stamp_in
from moorage.auth.verification import TokenRefused, Verifier

SECONDS: Final = 30 * 86400


class RefreshTokens:
    """Makes and verifies refresh tokens, only for users that have a stamp: without one, a token would stay valid to its end,
    whatever happens to the user."""

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        service: str,
        stamps: Stamps,
        seconds: int = SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`seconds`: how long a token is valid; 0: none is given out, and none that was given out before is taken."""
        self._keys = keys
        self._issuer = issuer
        self._audience = f"refresh {service}"
        self._stamps = stamps
        self._seconds = seconds
        self._clock = clock
        self._verifier = Verifier(issuer, self._audience, [ALGORITHM], keys, clock=clock)

    def issue(self, user: str, stamp: str) -> str | None:
        """A refresh token; None if there are none, or if `stamp`, that of the user (`Stamps.of`), is empty."""
        if not stamp or not self._seconds:
            return None
        now = int(self._clock())
        return self._keys.sign(
            {
                "iss": self._issuer,
                "sub": user,
                "aud": self._audience,
                "exp": now + self._seconds,
                "nbf": now,
                "iat": now,
                "jti": new_id(stamp),
            }
        )

    async def user_of(self, token: str) -> tuple[str, str]:
        """The user of a token, and their stamp. Raises TokenRefused."""
        if not self._seconds:
            raise TokenRefused("there are no refresh tokens here")
        claims = await self._verifier.verify(token)
        stamp = stamp_in(claims.id)
        if not stamp or not self._stamps.holds(claims.subject, claims.id):
            raise TokenRefused("the password has changed since, or the user is gone")
        return claims.subject, stamp
