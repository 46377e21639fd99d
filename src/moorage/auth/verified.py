"""Tokens that were verified, so that a token is not verified again for each request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from moorage.auth.claims import Claims
from moorage.auth.keys import TrustedKeys

MOST_CHARACTERS: Final = 4 << 20
"""The most characters of all tokens together, each in its plain form. An entry takes at most a few times the memory of that."""
SCOPE_CHARACTERS: Final = 72
"""What a scope with a short name takes in the plain form, at least: a deflated token is shorter than its claims (`packing`)."""


@dataclass(frozen=True, slots=True)
class _Entry:
    claims: Claims
    end: float
    characters: int


class VerifiedTokens:
    """Claims by the SHA-256 of the token's text; the text is not kept. All are forgotten when the keys change."""

    def __init__(self, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most_characters
        self._characters = 0
        self._keys: TrustedKeys | None = None
        self._entries: dict[bytes, _Entry] = {}

    def get(self, text: str, keys: TrustedKeys, now: float) -> Claims | None:
        if keys is not self._keys:
            return None
        found = self._entries.get(_digest(text))
        return found.claims if found is not None and now <= found.end else None

    def put(self, text: str, keys: TrustedKeys, claims: Claims, end: float) -> None:
        """`end`: until when the entry may be used. The oldest entries make room for it."""
        if keys is not self._keys:
            self._keys, self._entries, self._characters = keys, {}, 0
        digest = _digest(text)
        self._forget(digest)
        characters = max(len(text), sum([SCOPE_CHARACTERS + len(scope.name) for scope in claims.access]))
        self._entries[digest] = _Entry(claims, end, characters)
        self._characters += characters
        while self._characters > self._most:
            self._forget(next(iter(self._entries)))

    def _forget(self, digest: bytes) -> None:
        found = self._entries.pop(digest, None)
        if found is not None:
            self._characters -= found.characters


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()
