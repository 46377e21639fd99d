"""Tokens that were found right, so that the same one need not be verified at each request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from moorage.auth.claims import Claims
from moorage.auth.keys import TrustedKeys

MOST_CHARACTERS: Final = 4 << 20
"""Of all tokens together; what is kept of one is some times as large at most."""


@dataclass(frozen=True, slots=True)
class _Entry:
    claims: Claims
    end: float
    characters: int


class VerifiedTokens:
    """By the SHA-256 of their text; the text is not kept. All are forgotten when the keys are others."""

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
        """`end`: until when it may be taken from here. Those that were put first make room."""
        if keys is not self._keys:
            self._keys, self._entries, self._characters = keys, {}, 0
        digest = _digest(text)
        self._forget(digest)
        self._entries[digest] = _Entry(claims, end, len(text))
        self._characters += len(text)
        while self._characters > self._most:
            self._forget(next(iter(self._entries)))

    def _forget(self, digest: bytes) -> None:
        found = self._entries.pop(digest, None)
        if found is not None:
            self._characters -= found.characters


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()
