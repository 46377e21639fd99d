"""Stamps, which end all tokens of a user at once: a stamp changes with the password, and disappears with the user.

A hash of the stamp travels in `jti`, after a dot. The stamp itself does not, as everybody who has the token can read it.
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
"""Users whose hashed stamps are remembered."""

Stamp = Callable[[str], str | None]
"""The stamp of a user; None for a user who has none, or no longer exists."""


def no_stamps(_: str) -> str | None:
    return None


class Stamps:
    """The stamps of users and of their tokens. Where users have no stamps, tokens have none either, and stay valid to their
    end."""

    def __init__(self, stamp: Stamp = no_stamps) -> None:
        self._stamp = stamp

    def of(self, user: str) -> str:
        """A hash of the user's stamp; empty for a user without one, and for anonymous clients.

        For a new token it must be taken before the password is checked. Afterwards it might already be the stamp of a new
        password, and a client that knows only the old one would get a token that outlives it."""
        stamp = self._stamp(user) if user else None
        return _hashed(user, stamp) if stamp is not None else ""

    def holds(self, user: str, token_id: str) -> bool:
        """Whether the user has the same stamp as when the token was made, or had none then and has none now."""
        return hmac.compare_digest(stamp_in(token_id).encode(), self.of(user).encode())


@lru_cache(maxsize=REMEMBERED)
def _hashed(user: str, stamp: str) -> str:
    digest = hashlib.sha256(f"moorage stamp\0{user}\0{stamp}".encode("utf-8", "surrogatepass")).digest()
    return base64url.encode(digest)


def new_id(stamp: str) -> str:
    """A unique `jti`."""
    return f"{secrets.token_hex(12)}.{stamp}"


def stamp_in(token_id: str) -> str:
    return token_id.partition(".")[2]
