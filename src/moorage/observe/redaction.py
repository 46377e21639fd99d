"""Texts of exceptions, without what must not leave: an exception repeats what it did not understand."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

LONGEST: Final = 1000
"""Characters of a text that a client or an exception wrote."""

LEFT_OUT: Final = "(left out, for it repeats something of the credentials)"

_TELLING: Final = 8
"""Characters in a row that give something of a secret away."""
_USER: Final = re.compile(r"(?<=//)[^/?#\s]*@")
_CREDENTIALS: Final = re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_HARMLESS: Final = frozenset(
    {
        *("n", "last", "mount", "from", "digest", "digest-algorithm", "tag", "artifactType"),
        *("service", "scope", "account", "client_id", "offline_token"),
    }
)
"""Parameters that authorise nobody."""
_TOKEN: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*")


class Redaction:
    """Knows the secrets of one request, and the shape of those that others may have."""

    def __init__(self, secrets: Iterable[str], longest: int = LONGEST) -> None:
        self._longest = longest
        self._secrets = [secret for secret in map(str.strip, secrets) if secret]

    def __call__(self, text: str) -> str:
        """A text that may be told, of bounded length."""
        text = text[: self._longest]
        if self.repeats(text):
            return LEFT_OUT
        text = _CREDENTIALS.sub(r"\1 ***", _USER.sub("***@", text))
        return _TOKEN.sub("***", text)

    def repeats(self, text: str) -> bool:
        """Whether a secret is in it, or a part that is long enough to tell something."""
        pieces = set(_pieces(text))
        return any(
            secret in text if len(secret) < _TELLING else not pieces.isdisjoint(_pieces(secret))
            for secret in self._secrets
        )


def _pieces(text: str) -> Iterable[str]:
    return (text[at : at + _TELLING] for at in range(len(text) - _TELLING + 1))


def secrets(scope: Mapping[str, Any]) -> Iterator[str]:
    """What a client sent to be let in, in each form in which an exception may repeat it. `scope`: what ASGI tells of a request."""
    for name, value in scope["headers"]:
        text = str(value, "latin-1")
        if name in (b"authorization", b"proxy-authorization"):
            yield from of_authorization(text)
        elif name == b"cookie":
            yield from (pair.partition("=")[2] for pair in text.split(";"))
    yield from _parameters(str(scope["query_string"], "latin-1"))


def of_authorization(header: str) -> Iterator[str]:
    """The credentials, and the password in them. Read less strictly than `auth.basic` does, for others may take what that refuses."""
    scheme, _, encoded = header.partition(" ")
    yield encoded or header
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(encoded).decode().partition(":")[2]
        except ValueError:
            return


def _parameters(query: str) -> Iterator[str]:
    yield from (value for key, value in parse_qsl(query[:LONGEST]) if key not in _HARMLESS)
