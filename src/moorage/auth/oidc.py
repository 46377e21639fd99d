"""Access by ID tokens of an OpenID provider, such as CI systems give to their jobs.

A job signs in with its token as the password (`docker login -u job -p "$ID_TOKEN"`), because Docker does not send tokens that
another service issued; or it sends the token itself (`Authorization: Bearer`). The controller is loaded by an entry point, like
those of other packages (`extensions`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from moorage.auth import basic
from moorage.auth.base import Access, Challenge, Credentials, Grant, Offer, TokenExpired
from moorage.auth.claims import Claims
from moorage.auth.discovery import ProviderKeys
from moorage.auth.extensions import Context
from moorage.auth.idtokens import ALGORITHMS, verifier
from moorage.auth.mapping import ClaimMapping
from moorage.auth.options import Options
from moorage.auth.verification import TokenOver, TokenRefused, Verifier

REALM: Final = "OpenID token"
"""Not a URL: a client would take that for a token service, and send it passwords."""

KEYS: Final = (
    "issuer", "audience", "userclaim", "userprefix", "groupclaims", "required", "signingalgorithms",
)  # fmt: skip

SHARED: Final = frozenset(
    {
        "https://accounts.google.com",
        "https://agent.buildkite.com",
        "https://gitlab.com",
        "https://token.actions.githubusercontent.com",
    }
)
"""Public providers: jobs of anybody can get tokens for any audience."""


class OpenIdAccess:
    """Allows everything to a client with a valid token; rules narrow that. The user name of a sign-in is ignored: the token says
    who the user is."""

    def __init__(self, tokens: Verifier) -> None:
        self._tokens = tokens

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        offers = [_offer(credentials.authorization)]
        try:
            claims = await self._tokens.verify(_token(credentials.authorization))
        except TokenOver as error:
            raise TokenExpired(wanted, offers, _grant(error.claims), error.start, error.end) from None
        except TokenRefused as error:
            raise Challenge(wanted, offers, f"the ID token is refused: {error}") from None
        except ValueError as error:
            raise Challenge(wanted, offers, str(error)) from None
        return _grant(claims)

    async def close(self) -> None:
        await self._tokens.close()


def _grant(claims: Claims) -> Grant:
    return Grant(claims.subject, claims.groups)


def _is_bearer(authorization: str) -> bool:
    return authorization[:7].lower() == "bearer "


def _token(authorization: str) -> str:
    """Raises ValueError."""
    if _is_bearer(authorization):
        return authorization[7:]
    login = basic.parse(authorization)
    if login is None:
        raise ValueError("there is no ID token")
    return login.password


def _offer(authorization: str) -> Offer:
    if _is_bearer(authorization):
        return Offer("Bearer", REALM, error="invalid_token")
    return Offer("Basic", REALM)


def controller(
    options: Mapping[str, Any], context: Context, *, clock: Callable[[], float] = time.time
) -> OpenIdAccess:
    """The factory of the entry point. Does not contact the provider yet. `clock`: seconds since 1970. Raises AuthError."""
    given = Options(options, context.section, KEYS)
    issuer, audience = given.text("issuer"), given.text("audience")
    mapping = ClaimMapping(
        userclaim=given.text("userclaim", "sub"),
        userprefix=given.text("userprefix", "", empty=True),
        groupclaims=given.texts("groupclaims"),
        required=given.choices("required"),
    )
    _check(mapping, issuer, given)
    keys = ProviderKeys(issuer, given.place("issuer"))
    algorithms = _algorithms(given)
    tokens = verifier(issuer, audience, mapping, keys, algorithms=algorithms, clock=clock)
    return OpenIdAccess(tokens)


def _algorithms(given: Options) -> tuple[str, ...]:
    chosen = given.texts("signingalgorithms")
    for one in chosen:
        if one not in ALGORITHMS:
            raise given.mistake(
                "signingalgorithms", f"{one!r} cannot be used; {', '.join(ALGORITHMS)} can, and no HS*"
            )
    return chosen or ALGORITHMS


def _check(mapping: ClaimMapping, issuer: str, given: Options) -> None:
    if not mapping.userprefix.isprintable():
        raise given.mistake("userprefix", "has characters that cannot be printed")
    for one in mapping.groupclaims:
        for other in mapping.groupclaims:
            if other.startswith(one + ":"):
                raise given.mistake(
                    "groupclaims", f"{one!r} and {other!r} could make the same group of different claims"
                )
    if issuer.removesuffix("/") in SHARED and not mapping.required:
        raise given.mistake(
            "required",
            f"anybody can get a token of {issuer}, so say whose count, such as repository_owner_id: ['123']",
        )
