"""The header `Authorization: Basic` (RFC 7617)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 16 << 10
"""The longest accepted header, in characters."""

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, eq=False)
class Login:
    """A user name, never empty, and a password, as the client claims. Has no `==`, whose time would tell how much is equal."""

    user: str
    password: str = field(repr=False)


def parse(authorization: str) -> Login | None:
    """The login in the header; None without a header, and for another scheme.

    Raises ValueError for malformed credentials; its text repeats nothing of the header. Only UTF-8 is understood: guessing
    among encodings would give each password several forms. Section 2 forbids control characters, and an empty name would mean
    an anonymous user."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    if len(authorization) > LONGEST:
        raise ValueError("the header with the credentials is too long")
    try:
        text = _decoded(rest.strip(" ").encode("ascii")).decode()
    except ValueError:
        raise ValueError("the credentials are not base64 of UTF-8") from None
    user, colon, password = text.partition(":")
    if not user or not colon:
        raise ValueError("the credentials have no user name, or no colon after it")
    if CONTROL.search(text):
        raise ValueError("the credentials have control characters")
    return Login(user, password)


def _decoded(encoded: bytes) -> bytes:
    """Raises ValueError for anything but the canonical form. (`validate` accepts padding that is too long.)"""
    raw = base64.b64decode(encoded)
    if base64.b64encode(raw) != encoded:
        raise ValueError
    return raw
