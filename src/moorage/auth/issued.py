"""The registry's side of the built-in token service: a token allows what it grants, as far as the rules still allow it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from moorage.auth.base import (
    Access,
    AccessController,
    Challenge,
    Credentials,
    Denied,
    Grant,
    Offer,
    TokenExpired,
)
from moorage.auth.claims import Claims, read
from moorage.auth.groups import GroupsOf, no_groups
from moorage.auth.rules import Rules
from moorage.auth.ruling import Ruling
from moorage.auth.signing import SigningKeys
from moorage.auth.signingkey import ALGORITHM
from moorage.auth.stamps import Stamps
from moorage.auth.verification import TokenOver, TokenRefused, Verifier


class IssuedTokens:
    """Accepts bearer tokens; other credentials go to `inner`. Challenges offer Bearer only, because Docker gives up when Basic
    is offered too; a password sent anyway is accepted."""

    def __init__(
        self,
        inner: AccessController,
        keys: SigningKeys,
        *,
        issuer: str,
        service: str,
        realm: str,
        stamps: Stamps,
        rules: Rules | None = None,
        groups: GroupsOf = no_groups,
        others: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`realm`: the URL of the token service, or its path here. `others`: whether `inner` accepts bearer tokens too."""
        self._inner = inner
        self._verifier = Verifier(
            issuer,
            service,
            [ALGORITHM],
            keys,
            read=lambda payload: read(payload, issuer, service, packed=True),
            clock=clock,
        )
        self._service = service
        self._realm = realm
        self._others = others
        self._stamps = stamps
        self._ruling = Ruling(rules, groups)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        scheme, _, token = credentials.authorization.partition(" ")
        if scheme.lower() != "bearer":
            return await self._by_other_means(credentials, wanted)
        try:
            claims = await self._verifier.verify(token.strip(" "))
            self._check_stamp(claims)
        except TokenOver as over:
            raise self._expired(over, wanted) from None
        except TokenRefused as refused:
            if self._others:
                return await self._by_other_means(credentials, wanted)
            raise Challenge(
                wanted, self._offers("invalid_token"), f"the token is refused: {refused}"
            ) from None
        self._check(claims, wanted)
        return self._grant(claims)

    async def close(self) -> None:
        await self._inner.close()
        await self._verifier.close()

    async def _by_other_means(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        try:
            return await self._inner.authorize(credentials, wanted)
        except TokenExpired as error:
            raise TokenExpired(error.wanted, self._offers(), error.grant, error.start, error.end) from None
        except Challenge as error:
            raise Challenge(error.wanted, self._offers(error.offers[0].error), str(error)) from None

    def _check_stamp(self, claims: Claims) -> None:
        if not self._stamps.holds(claims.subject, claims.id):
            raise TokenRefused("the password has changed since, or the user is gone")

    def _expired(self, over: TokenOver, wanted: Sequence[Access]) -> Challenge:
        """TokenExpired, unless the token was revoked meanwhile (`stamps`): then a challenge, so it cannot continue an upload."""
        offers = self._offers("invalid_token")
        try:
            self._check_stamp(over.claims)
        except TokenRefused as refused:
            return Challenge(wanted, offers, f"the token is refused: {refused}")
        return TokenExpired(wanted, offers, self._grant(over.claims), over.start, over.end)

    def _check(self, claims: Claims, wanted: Sequence[Access]) -> None:
        """Raises Denied if the rules forbid a known user any of `wanted`, as another token could not allow it; else raises
        Challenge if the token allows too little."""
        forbidden = [access for access in wanted if not self._rules_allow(claims, access)]
        if forbidden and claims.subject:
            told = ", ".join(map(str, forbidden))
            raise Denied(forbidden, f"no rule lets {claims.subject!r} do this: {told}")
        if forbidden or not all(map(claims.allows, wanted)):
            raise Challenge(wanted, self._offers("insufficient_scope"), "the token is not for this")

    def _grant(self, claims: Claims) -> Grant:
        def allows(access: Access) -> bool:
            return claims.allows(access) and self._rules_allow(claims, access)

        return Grant(claims.subject, claims.groups, allows)

    def _rules_allow(self, claims: Claims, access: Access) -> bool:
        return self._ruling.allows(claims.subject, claims.groups, access)

    def _offers(self, error: str = "") -> tuple[Offer, ...]:
        return (Offer("Bearer", self._realm, self._service, error),)
