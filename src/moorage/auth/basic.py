"""The header `Authorization: Basic` (RFC 7617)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 16 << 10
"""Characters of the header."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, eq=False)
class Login:
    """What somebody says: a name, never empty, and a password. Without `==`, which takes longer the more is alike."""

    user: str
    password: str = field(repr=False)


def parse(authorization: str) -> Login | None:
    """None without a header, and for another scheme.

    Raises ValueError for what nobody's credentials can be; its text has nothing of the header. Only UTF-8 is understood: to
    guess among encodings would give each password several forms. Control characters are forbidden by section 2, and an
    empty name would be nobody's."""
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
    if _CONTROL.search(text):
        raise ValueError("the credentials have control characters")
    return Login(user, password)


def _decoded(encoded: bytes) -> bytes:
    """Raises ValueError for anything but the one right way to write it. (`validate` lets padding through that is too long.)"""
    raw = base64.b64decode(encoded)
    if base64.b64encode(raw) != encoded:
        raise ValueError
    return raw
