"""The access tokens that this registry makes (Docker Registry, "Token authentication implementation")."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.auth.base import Grant
from moorage.auth.granting import granted
from moorage.auth.packing import packed
from moorage.auth.scopes import Scope
from moorage.auth.signing import SigningKeys
from moorage.auth.stamps import Stamps, new_id

SHORTEST_SECONDS: Final = 60
"""Old clients assume that a token is valid this long, whatever the answer says."""
SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token. `access`: what it grants. `expires_in`: in seconds from `issued_at`, which is in seconds since 1970."""

    token: str = field(repr=False)
    access: tuple[Scope, ...]
    expires_in: int
    issued_at: int


class Mint:
    """Makes access tokens. `issuer` and `service` become `iss` and `aud`, which the verifier checks."""

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
        self.stamps = stamps
        self._keys = keys
        self._issuer = issuer
        self._service = service
        self._seconds = max(seconds, SHORTEST_SECONDS)
        self._clock = clock

    async def issue(self, grant: Grant, requested: Sequence[Scope], stamp: str) -> Issued:
        """A token for a user with that grant: what was requested, as far as the grant allows it. `stamp`: what `stamps` had for
        the user before they proved who they are."""
        access = await granted(requested, grant.allows)
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": grant.user,
            "aud": self._service,
            "exp": now + self._seconds,
            "nbf": now,
            "iat": now,
            "jti": new_id(stamp),
            **packed(
                [
                    {"type": scope.kind, "name": scope.name, "actions": sorted(scope.actions)}
                    for scope in access
                ]
            ),
        }
        if grant.groups:
            claims["groups"] = sorted(grant.groups)
        return Issued(self._keys.sign(claims), access, self._seconds, now)
