"""What ends the tokens of a user at once: a stamp that changes with the password, and is gone with the user.

It travels in `jti`, after a dot. Only a hash of it does, for whoever has a token can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from moorage.auth import base64url

REMEMBERED: Final = 4096
"""Users."""

Stamp = Callable[[str], str | None]
"""The stamp of a user; None for one who has none, or is gone."""


def no_stamps(_: str) -> str | None:
    return None


class Stamps:
    """Where users have none, no token has one, and nothing ends before its time."""

    def __init__(self, stamp: Stamp = no_stamps) -> None:
        self._stamp = stamp

    def of(self, user: str) -> str:
        """A hash of the user's stamp; empty for one without, and for anybody.

        For a new token it is taken before the password is checked. After that it might be that of another password already, and
        who knows the old one would have a token that outlives it."""
        stamp = self._stamp(user) if user else None
        return _hashed(user, stamp) if stamp is not None else ""

    def holds(self, user: str, token_id: str) -> bool:
        """Whether the user has the same stamp as when the token was made; none then and now is the same."""
        return hmac.compare_digest(stamp_in(token_id).encode(), self.of(user).encode())


@lru_cache(maxsize=REMEMBERED)
def _hashed(user: str, stamp: str) -> str:
    digest = hashlib.sha256(f"moorage stamp\0{user}\0{stamp}".encode("utf-8", "surrogatepass")).digest()
    return base64url.encode(digest)


def new_id(stamp: str) -> str:
    """A `jti`: never the same again."""
    return f"{secrets.token_hex(12)}.{stamp}"


def stamp_in(token_id: str) -> str:
    return token_id.partition(".")[2]
