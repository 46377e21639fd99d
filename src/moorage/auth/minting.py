"""The access tokens that this registry makes (Docker Registry, "Token authentication implementation")."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.auth.base import Grant
from moorage.auth.granting import granted
from moorage.auth.scopes import Scope
from moorage.auth.signing import SigningKeys
from moorage.auth.stamps import Stamps, new_id

SHORTEST_SECONDS: Final = 60
"""Old clients take a token for valid so long, whatever they are told."""
SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Issued:
    """`access`: what was granted. `expires_in`: seconds, from `issued_at` on, which is in seconds since 1970."""

    token: str = field(repr=False)
    access: tuple[Scope, ...]
    expires_in: int
    issued_at: int


class Mint:
    """`issuer` and `service` are `iss` and `aud`: what whoever verifies expects."""

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

    def issue(self, grant: Grant, requested: Sequence[Scope], stamp: str) -> Issued:
        """For somebody with that grant: what was asked for, as far as the grant allows it. `stamp`: what `stamps` had for the user
        before he proved who he is."""
        now = int(self._clock())
        access = granted(requested, grant.allows)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": grant.user,
            "aud": self._service,
            "exp": now + self._seconds,
            "nbf": now,
            "iat": now,
            "jti": new_id(stamp),
            "access": [
                {"type": scope.kind, "name": scope.name, "actions": sorted(scope.actions)} for scope in access
            ],
        }
        if grant.groups:
            claims["groups"] = sorted(grant.groups)
        return Issued(self._keys.sign(claims), access, self._seconds, now)
