"""Texts of exceptions, without what must not leave: an exception repeats what it did not understand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from moorage.reporting.report import LONGEST

LEFT_OUT: Final = "(left out, for it repeats something of the credentials)"

_TELLING: Final = 8
"""Characters in a row that give something of a secret away."""
_USER: Final = re.compile(r"(?<=//)[^/?#\s]*@")
_CREDENTIALS: Final = re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*")


class Redaction:
    """Knows the secrets of one request, and the shape of those that others may have."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in map(str.strip, secrets) if secret]

    def __call__(self, text: str) -> str:
        """A text that may be told, of bounded length."""
        text = text[:LONGEST]
        if self._repeats(text):
            return LEFT_OUT
        text = _CREDENTIALS.sub(r"\1 ***", _USER.sub("***@", text))
        return _TOKEN.sub("***", text)

    def _repeats(self, text: str) -> bool:
        pieces = set(_pieces(text))
        return any(
            secret in text if len(secret) < _TELLING else not pieces.isdisjoint(_pieces(secret))
            for secret in self._secrets
        )


def _pieces(text: str) -> Iterable[str]:
    return (text[at : at + _TELLING] for at in range(len(text) - _TELLING + 1))
