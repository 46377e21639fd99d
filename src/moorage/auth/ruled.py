"""The rules around another controller, which only has to identify the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from moorage.auth.base import (
    Access,
    AccessController,
    Credentials,
    Denied,
    Grant,
    TokenExpired,
)
from moorage.auth.groups import GroupsOf, no_groups
from moorage.auth.rules import Rules
from moorage.auth.ruling import Ruling


class Ruled:
    """Allows what both `inner` and the rules allow. A request without credentials that names no access is left to `inner` to
    challenge: from the answer to `GET /v2/` Docker learns whether it has to sign in at all."""

    def __init__(self, inner: AccessController, rules: Rules, groups: GroupsOf = no_groups) -> None:
        self._inner = inner
        self._ruling = Ruling(rules, groups)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        if not credentials.authorization and wanted:
            grant = self._ruling.narrowed(Grant())
            if all(map(grant.allows, wanted)):
                return grant
        try:
            grant = self._ruling.narrowed(await self._inner.authorize(credentials, wanted))
        except TokenExpired as error:
            grant = self._ruling.narrowed(error.grant)
            raise TokenExpired(error.wanted, error.offers, grant, error.start, error.end) from None
        missing = [access for access in wanted if not grant.allows(access)]
        if missing and grant.user:
            raise Denied(missing, f"no rule lets {grant.user!r} do this: {', '.join(map(str, missing))}")
        if missing:
            await self._challenge(credentials, wanted)
        return grant

    async def close(self) -> None:
        await self._inner.close()

    async def _challenge(self, credentials: Credentials, wanted: Sequence[Access]) -> NoReturn:
        """Raise the challenge of `inner` for a client without credentials; Denied if `inner` does not challenge, and so has no
        way to sign in."""
        await self._inner.authorize(Credentials(address=credentials.address), wanted)
        raise Denied(wanted, "no rule lets anybody do this, and there is no way to sign in")
