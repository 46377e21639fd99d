"""For development: a client that sends any Authorization header may do everything, as in the reference implementation."""

from __future__ import annotations

from collections.abc import Sequence

from moorage.auth.base import Access, Challenge, Credentials, Grant, Offer

USER = "silly"


class Silly:
    """Checks that the header is present, not what it says."""

    def __init__(self, realm: str, service: str) -> None:
        self._offer = Offer("Bearer", realm, service)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        if not credentials.authorization:
            raise Challenge(wanted, (self._offer,), "no credentials")
        return Grant(USER)

    async def close(self) -> None:
        """Nothing is open."""
