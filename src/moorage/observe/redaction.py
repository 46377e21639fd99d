"""Removes credentials from exception texts, which often repeat the input that caused the exception."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

LONGEST: Final = 1000
"""Maximum number of characters of a text that came from a client or an exception."""

LEFT_OUT: Final = "(left out, for it repeats something of the credentials)"

_TELLING: Final = 8
"""How many consecutive characters of a secret are enough to give something of it away."""
_USER: Final = re.compile(r"(?<=//)[^/?#\s]*@")
_CREDENTIALS: Final = re.compile(r"\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_HARMLESS: Final = frozenset(
    {
        *("n", "last", "mount", "from", "digest", "digest-algorithm", "tag", "artifactType"),
        *("service", "scope", "account", "client_id", "offline_token"),
    }
)
"""Query parameters that are not credentials."""
_TOKEN: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*")


class Redaction:
    """Redacts texts: knows the secrets of one request, and the shape of credentials in general."""

    def __init__(self, secrets: Iterable[str], longest: int = LONGEST) -> None:
        self._longest = longest
        self._secrets = [secret for secret in map(str.strip, secrets) if secret]

    def __call__(self, text: str) -> str:
        """The text without credentials, shortened to the maximum length."""
        text = text[: self._longest]
        if self.repeats(text):
            return LEFT_OUT
        text = _CREDENTIALS.sub(r"\1 ***", _USER.sub("***@", text))
        return _TOKEN.sub("***", text)

    def repeats(self, text: str) -> bool:
        """Whether the text contains a secret, or a part of one that is long enough to give something away."""
        # Sets, as a client may send thousands of parameters.
        sizes = {secret: min(len(secret), _TELLING) for secret in self._secrets}
        pieces = {size: set(_pieces(text, size)) for size in set(sizes.values())}
        return any(not pieces[size].isdisjoint(_pieces(secret, size)) for secret, size in sizes.items())


def _pieces(text: str, size: int) -> Iterable[str]:
    return (text[at : at + size] for at in range(len(text) - size + 1))


def secrets(scope: Mapping[str, Any]) -> Iterator[str]:
    """The credentials that a client sent, in each form in which an exception may repeat them. `scope`: the ASGI scope."""
    for name, value in scope["headers"]:
        text = str(value, "latin-1")
        if name in (b"authorization", b"proxy-authorization"):
            yield from of_authorization(text)
        elif name == b"cookie":
            yield from (pair.partition("=")[2] for pair in text.split(";"))
    yield from _parameters(str(scope["query_string"], "latin-1"))


def of_authorization(header: str) -> Iterator[str]:
    """The credentials, and the password in them. Parsed less strictly than in `auth.basic`, as other services may accept what that
    rejects."""
    scheme, _, encoded = header.partition(" ")
    yield encoded or header
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(encoded).decode().partition(":")[2]
        except ValueError:
            return


def _parameters(query: str) -> Iterator[str]:
    yield from (value for key, value in parse_qsl(query) if key not in _HARMLESS)
