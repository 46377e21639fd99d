"""Access by signed tokens of a token service (Docker Registry, "Token authentication specification"; RFC 6750)."""

from __future__ import annotations

from collections.abc import Sequence

from moorage.auth.base import Access, Challenge, Credentials, Grant, Offer, TokenExpired
from moorage.auth.claims import Claims
from moorage.auth.compact import LONGEST
from moorage.auth.verification import TokenOver, TokenRefused, Verifier


class TokenAccess:
    """Allows what the token of a request allows.

    `realm`: the URL of the token service; a path if it is this registry."""

    def __init__(self, verifier: Verifier, realm: str, service: str) -> None:
        self._verifier = verifier
        self._realm = realm
        self._service = service

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """A challenge names all that was wanted, not only what is missing: the client requests a token for exactly that."""
        text = _bearer(credentials.authorization)
        if text is None:
            raise self._challenge(wanted, "", "there is no token")
        try:
            claims = await self._verifier.verify(text)
        except TokenOver as error:
            offers = [self._offer("invalid_token")]
            raise TokenExpired(wanted, offers, _grant(error.claims), error.start, error.end) from None
        except TokenRefused as error:
            raise self._challenge(wanted, "invalid_token", f"the token is refused: {error}") from None
        if not all(claims.allows(access) for access in wanted):
            raise self._challenge(wanted, "insufficient_scope", "the token does not give what is wanted")
        return _grant(claims)

    async def close(self) -> None:
        await self._verifier.close()

    def _challenge(self, wanted: Sequence[Access], error: str, reason: str) -> Challenge:
        return Challenge(wanted, [self._offer(error)], reason)

    def _offer(self, error: str) -> Offer:
        return Offer("Bearer", self._realm, self._service, error)


def _grant(claims: Claims) -> Grant:
    return Grant(claims.subject, claims.groups, claims.allows)


def _bearer(authorization: str) -> str | None:
    """The token, unchecked; None without one, and for another scheme."""
    # One character more than the limit: a token that is too long still is, and is not copied whole.
    scheme, text = authorization[:7], authorization[7 : 8 + LONGEST]
    return text if scheme.lower() == "bearer " and text else None
